import { describeScenarios } from "../../support/describe-scenarios.ts";
import { renameScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "renames", renameScenarios);
