import { describeScenarios } from "../../support/describe-scenarios.ts";
import { burstScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "bursts", burstScenarios);
