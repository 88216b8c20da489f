/** An agent and a Fusion on a tree, and `fustor-agent verify` beside them. */
import { onTestFinished } from "vitest";
import { type Ended, run } from "../e2e/cli-process.ts";
import type { AgentTask } from "./agent-home.ts";
import { createOurAgent, type OurAgentProcess } from "./agent-process.ts";
import { killChildren } from "./child-process.ts";
import type { FusionProcess } from "./fusion-process.ts";
import { createTempFolder, removeTempFolders } from "./temp-tree.ts";

export interface Verified extends Ended {
  /** The last line of `--json`. */
  readonly summary: Readonly<Record<string, unknown>>;
  /** What differs, by path, with the kind. */
  readonly differences: Readonly<Record<string, string>>;
  readonly notCompared: readonly string[];
}

export interface VerifyStage {
  readonly root: string;
  readonly outside: string;
  readonly fusion: FusionProcess;
  readonly agent: OurAgentProcess;
  /** With `--json`. */
  verify(...args: readonly string[]): Promise<Verified>;
}

export interface StageOptions extends Partial<AgentTask> {
  /** `driver_params.query`; by default address and read key. */
  readonly query?: object;
  prepare?(root: string): void;
}

interface Line {
  readonly type: string;
  readonly path: string;
  readonly difference: string;
}

function parsed(ended: Ended): Verified {
  const lines = ended.stdout.split("\n").filter((line) => line.startsWith("{"));
  const objects = lines.map((line) => JSON.parse(line) as Line);
  const of = (type: string): Line[] => objects.filter((line) => line.type === type);
  return {
    ...ended,
    summary: (objects.findLast(({ type }) => type === "summary") ?? {}) as Readonly<Record<string, unknown>>,
    differences: Object.fromEntries(of("difference").map(({ path, difference }) => [path, difference])),
    notCompared: of("not_compared").map(({ path }) => path),
  };
}

/** So long that no second audit after the take-over mends what a test has broken. */
export const CALM = { sessionTimeoutSeconds: 3600 } as const;

/** The agent has ended its snapshot, and the audit that follows it. */
export async function verifyStage(fusion: FusionProcess, options: StageOptions = {}): Promise<VerifyStage> {
  onTestFinished(async () => {
    await killChildren();
    removeTempFolders();
  });
  await fusion.start();
  const root = options.root ?? createTempFolder("verified");
  options.prepare?.(root);
  const query = options.query ?? { endpoint: fusion.viewUrl, key: fusion.viewKey };
  const sender = { driver_params: { query }, ...options.sender };
  const agent = createOurAgent({ ...options, root, receiver: fusion.receiver, sender });
  agent.start();
  await fusion.view.waitUntilOpen(60_000);
  await agent.waitForStatus(({ pipes }) => pipes[0]?.audit.lastCompleteAgoMs !== undefined, 60_000);
  const verify = async (...args: readonly string[]): Promise<Verified> =>
    parsed(await run(["verify", fusion.receiver.pipeId, "--json", ...args], { home: agent.home }));
  return { root, outside: createTempFolder("outside"), fusion, agent, verify };
}
