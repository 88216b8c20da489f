import { describeScenarios } from "../support/describe-scenarios.ts";
import { auditScenarios } from "../support/scenarios.ts";

describeScenarios("real", "audits", auditScenarios);
