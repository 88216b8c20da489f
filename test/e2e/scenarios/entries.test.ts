import { describeScenarios } from "../../support/describe-scenarios.ts";
import { entryScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "entries", entryScenarios);
