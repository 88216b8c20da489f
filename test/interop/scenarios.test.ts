import { createOurAgent } from "../support/agent-process.ts";
import { describeScenarios } from "../support/describe-scenarios.ts";
import { createRealFusion } from "../support/real-fusion.ts";

describeScenarios("real", { fusion: createRealFusion, agent: createOurAgent });
