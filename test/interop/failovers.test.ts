import { describeScenarios } from "../support/describe-scenarios.ts";
import { failoverScenarios } from "../support/scenarios.ts";

describeScenarios("real", "failovers", failoverScenarios);
