/**
 * The main job in one process: an embedded Fusion on loopback and the agent on a directory, with a home that is thrown
 * away. Everything between the two is real: configuration file, HTTP, keys, session.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, createAgent } from "../../agent/agent.ts";
import type { AgentStatus } from "../../agent/agent-status.ts";
import { loadConfig } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import { requirePipe, selectPipes } from "../../config/select.ts";
import { type EmbeddedFusion, startEmbeddedFusion, type ViewSummary } from "../../fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../fusion/fusion-config.ts";
import { FustorError, type Logger } from "../../sdk/index.ts";
import type { Difference } from "../../verify/difference.ts";
import type { Verdict } from "../../verify/verification.ts";
import { inspectableRoot } from "./inspect.ts";
import { openPipe, verifyPipe } from "./verify.ts";

const VIEW = "demo";
const PIPE = "demo-pipe";
const RECEIVER = "http-receiver";
const DRAIN_MS = 5000;

export interface Demo {
  /** What is watched, absolute and without links. */
  readonly root: string;
  /** Answers the tree as JSON to who sends {@link readKey} as `X-API-Key`. */
  readonly treeUrl: string;
  readonly readKey: string;
  status(): AgentStatus;
  view(): ViewSummary;
  /** Reads the directory anew and the view through its URL; what differs is looked at again for so long. */
  compare(settleMs: number, onDifference: (difference: Difference) => void, signal: AbortSignal): Promise<Verdict>;
  /** Ends agent and Fusion and removes the home; idempotent. */
  stop(): Promise<void>;
}

interface DemoKeys {
  readonly pushKey: string;
  readonly viewUrl: string;
  readonly readKey: string;
}

/** JSON texts are YAML texts, whatever the path holds. */
const agentYaml = (root: string, endpoint: string, { pushKey, viewUrl, readKey }: DemoKeys): string => `
sources:
  - id: demo-files
    type: fs
    config:
      uri: ${JSON.stringify(root)}
senders:
  - id: demo-fusion
    type: fusion
    config:
      endpoint: ${JSON.stringify(endpoint)}
      credential: ${JSON.stringify(pushKey)}
      driver_params: {query: {endpoint: ${JSON.stringify(viewUrl)}, key: ${JSON.stringify(readKey)}, view: ${VIEW}}}
pipes:
  - id: ${PIPE}
    source_id: demo-files
    sender_id: demo-fusion
    enabled: true
`;

async function demoConfig(home: string, yaml: string): Promise<AgentConfig> {
  await writeFile(join(home, "agent-config.yaml"), yaml, { mode: 0o600 });
  // Only the home counts: neither the caller's variables nor a .env where he stands have a say in the demo.
  return loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
}

async function startAgent(config: AgentConfig, logger: Logger): Promise<Agent> {
  const agent = await createAgent({ config, pipes: selectPipes(config, []).selected, logger });
  const { failed } = await agent.start();
  const [first] = failed;
  if (first === undefined) return agent;
  await agent.stop(0);
  throw new FustorError("FUSTOR_INTERNAL", `the demo did not start: ${first.reason}`);
}

/**
 * Throws FUSTOR_SOURCE_UNAVAILABLE when the directory cannot be watched. Ports are 8101 and 8102 or the next free ones.
 */
export async function startDemo(directory: string, logger: Logger): Promise<Demo> {
  const root = await inspectableRoot(directory);
  const home = await realpath(await mkdtemp(join(tmpdir(), "fustor-demo-")));
  const [pushKey, readKey] = [randomBytes(12).toString("hex"), randomBytes(12).toString("hex")];
  let fusion: EmbeddedFusion | undefined;
  let config: AgentConfig;
  let agent: Agent;
  try {
    const fusionConfig = demoFusionConfig({ pushKey, readKey, pipe: PIPE, view: VIEW });
    fusion = await startEmbeddedFusion({ config: fusionConfig, logger, portFallback: true });
    const { viewUrl } = fusion;
    config = await demoConfig(
      home,
      agentYaml(root, fusion.receiverUrls.get(RECEIVER) ?? "", { pushKey, viewUrl, readKey }),
    );
    agent = await startAgent(config, logger);
  } catch (error) {
    await fusion?.stop();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  return demoOf({ root, home, readKey, config, fusion, agent });
}

async function compare(
  config: AgentConfig,
  settleMs: number,
  onDifference: (difference: Difference) => void,
  signal: AbortSignal,
): Promise<Verdict> {
  const pipe = await openPipe(config, requirePipe(config, PIPE), signal);
  try {
    return await verifyPipe(pipe, {
      from: "/",
      settleMs,
      signal,
      onDifference: async (difference) => onDifference(difference),
      onNotCompared: async () => undefined,
    });
  } finally {
    await pipe.close();
  }
}

interface DemoParts {
  readonly root: string;
  readonly home: string;
  readonly readKey: string;
  readonly config: AgentConfig;
  readonly fusion: EmbeddedFusion;
  readonly agent: Agent;
}

function demoOf({ root, home, readKey, config, fusion, agent }: DemoParts): Demo {
  const treeUrl = `${fusion.viewUrl}/api/v1/views/${VIEW}/tree?path=/&recursive=true`;
  const stop = async (): Promise<void> => {
    await agent.stop(DRAIN_MS);
    await fusion.stop();
    await rm(home, { recursive: true, force: true });
  };
  let stopped: Promise<void> | undefined;
  return {
    root,
    treeUrl,
    readKey,
    status: () => agent.status(),
    view: () => fusion.summaryOf(VIEW) ?? { ready: false, entries: 0, files: 0, directories: 0, rows: 0, sessions: 0 },
    compare: (settleMs, onDifference, signal) => compare(config, settleMs, onDifference, signal),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
