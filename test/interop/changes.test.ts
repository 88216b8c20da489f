import { createOurAgent } from "../support/agent-process.ts";
import { describeScenarios } from "../support/describe-scenarios.ts";
import { createRealFusion } from "../support/real-fusion.ts";
import { changeScenarios } from "../support/scenarios.ts";

describeScenarios("real", "changes", changeScenarios, { fusion: createRealFusion, agent: createOurAgent });
