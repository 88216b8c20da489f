import { describeScenarios } from "../support/describe-scenarios.ts";
import { scenarios } from "../support/scenarios.ts";

describeScenarios("embedded", "all", scenarios);
