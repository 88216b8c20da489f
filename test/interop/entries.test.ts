import { describeScenarios } from "../support/describe-scenarios.ts";
import { entryScenarios } from "../support/scenarios.ts";

describeScenarios("real", "entries", entryScenarios);
