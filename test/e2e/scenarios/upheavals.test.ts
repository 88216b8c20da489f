import { createOurAgent } from "../../support/agent-process.ts";
import { describeScenarios } from "../../support/describe-scenarios.ts";
import { createEmbeddedFusion } from "../../support/embedded-fusion.ts";
import { upheavalScenarios } from "../../support/scenarios.ts";

describeScenarios("embedded", "upheavals", upheavalScenarios, { fusion: createEmbeddedFusion, agent: createOurAgent });
