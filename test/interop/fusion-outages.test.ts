import { describeScenarios } from "../support/describe-scenarios.ts";
import { fusionOutageScenarios } from "../support/scenarios.ts";

describeScenarios("real", "fusion-outages", fusionOutageScenarios);
