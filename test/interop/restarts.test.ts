import { describeScenarios } from "../support/describe-scenarios.ts";
import { restartScenarios } from "../support/scenarios.ts";

describeScenarios("real", "restarts", restartScenarios);
