import { createOurAgent } from "../support/agent-process.ts";
import { describeScenarios } from "../support/describe-scenarios.ts";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";

describeScenarios("embedded", { fusion: createEmbeddedFusion, agent: createOurAgent });
