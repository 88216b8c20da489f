import { describeScenarios } from "../support/describe-scenarios.ts";
import { scenarios } from "../support/scenarios.ts";

describeScenarios("real", "all", scenarios);
