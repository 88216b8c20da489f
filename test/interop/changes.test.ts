import { describeScenarios } from "../support/describe-scenarios.ts";
import { judgedChanges } from "../support/scenarios.ts";

describeScenarios("real", "changes", judgedChanges);
