import { describeScenarios } from "../../support/describe-scenarios.ts";
import { churnScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "churn", churnScenarios);
