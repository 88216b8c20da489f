import { createOurAgent } from "../support/agent-process.ts";
import { describeScenarios } from "../support/describe-scenarios.ts";
import { createRealFusion } from "../support/real-fusion.ts";
import { upheavalScenarios } from "../support/scenarios.ts";

describeScenarios("real", "upheavals", upheavalScenarios, { fusion: createRealFusion, agent: createOurAgent });
