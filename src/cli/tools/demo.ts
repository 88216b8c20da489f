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
import { excludedPaths } from "../../agent/own-files.ts";
import { loadConfig } from "../../config/load.ts";
import { selectPipes } from "../../config/select.ts";
import { type EmbeddedFusion, startEmbeddedFusion, type ViewSummary } from "../../fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../fusion/fusion-config.ts";
import { FustorError, type Logger } from "../../sdk/index.ts";
import { inspectableRoot, scanTree } from "./inspect.ts";
import { type Difference, differencesOf, type Tree, treeOfScan, treeOfView, type ViewNode } from "./tree-difference.ts";

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
  /** Reads the directory anew and the view through its URL. */
  compare(signal: AbortSignal): Promise<readonly Difference[]>;
  /** Ends agent and Fusion and removes the home; idempotent. */
  stop(): Promise<void>;
}

/** JSON texts are YAML texts, whatever the path holds. */
const agentYaml = (root: string, endpoint: string, key: string): string => `
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
      credential: ${JSON.stringify(key)}
pipes:
  - id: ${PIPE}
    source_id: demo-files
    sender_id: demo-fusion
    enabled: true
`;

async function viewTree(url: string, key: string, signal: AbortSignal): Promise<Tree> {
  const answer = await fetch(url, { headers: { "x-api-key": key }, signal });
  if (!answer.ok) throw new FustorError("FUSTOR_SENDER_BAD_ANSWER", `the view answered ${answer.status}`);
  return treeOfView((await answer.json()) as ViewNode);
}

async function startAgent(home: string, root: string, endpoint: string, key: string, logger: Logger): Promise<Agent> {
  await writeFile(join(home, "agent-config.yaml"), agentYaml(root, endpoint, key), { mode: 0o600 });
  // Only the home counts: neither the caller's variables nor a .env where he stands have a say in the demo.
  const config = await loadConfig({ env: { FUSTOR_HOME: home }, cwd: home });
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
  let agent: Agent;
  try {
    const config = demoFusionConfig({ pushKey, readKey, pipe: PIPE, view: VIEW });
    fusion = await startEmbeddedFusion({ config, logger, portFallback: true });
    agent = await startAgent(home, root, fusion.receiverUrls.get(RECEIVER) ?? "", pushKey, logger);
  } catch (error) {
    await fusion?.stop();
    await rm(home, { recursive: true, force: true });
    throw error;
  }
  return demoOf({ root, home, readKey, fusion, agent });
}

interface DemoParts {
  readonly root: string;
  readonly home: string;
  readonly readKey: string;
  readonly fusion: EmbeddedFusion;
  readonly agent: Agent;
}

function demoOf({ root, home, readKey, fusion, agent }: DemoParts): Demo {
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
    compare: async (signal) => {
      const excludePaths = await excludedPaths({ home, configDir: home, logging: { dir: home, keepFiles: 0 } }, root);
      const disk = await treeOfScan(scanTree(root, { excludePaths }, signal).chunks);
      return differencesOf(disk, await viewTree(treeUrl, readKey, signal));
    },
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
