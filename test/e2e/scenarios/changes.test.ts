import { createOurAgent } from "../../support/agent-process.ts";
import { describeScenarios } from "../../support/describe-scenarios.ts";
import { createEmbeddedFusion } from "../../support/embedded-fusion.ts";
import { changeScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "changes", changeScenarios, { fusion: createEmbeddedFusion, agent: createOurAgent });
