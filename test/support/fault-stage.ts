/** A tree, a Fusion, and agents each of which reaches it through trouble of its own. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentTask } from "./agent-home.ts";
import { createOurAgent, type OurAgentProcess } from "./agent-process.ts";
import { killChildren } from "./child-process.ts";
import { type FaultReceiver, startFaultReceiver } from "./fault-receiver.ts";
import type { FusionOptions } from "./fusion-process.ts";
import { createInProcessFusion, type FusionHost } from "./in-process-fusion.ts";
import { createRealFusion } from "./real-fusion.ts";
import type { Site } from "./scenario.ts";
import { runShell } from "./shell.ts";
import { createTempFolder, removeTempFolders } from "./temp-tree.ts";
import { waitUntilEqual } from "./tree-compare.ts";

/** An agent and the only way it has to Fusion. */
export interface Placed {
  readonly agent: OurAgentProcess;
  readonly receiver: FaultReceiver;
}

export interface FaultStage extends Site, Placed {
  readonly fusion: FusionHost;
  /** Not started yet; on the same tree unless told otherwise. */
  place(task?: Partial<AgentTask>): Promise<Placed>;
  /** View and disk are equal in time. Resolves with the milliseconds it took. */
  settle(withinMs?: number): Promise<number>;
  onCleanup(undo: () => unknown): void;
}

export interface FaultStageOptions extends Pick<AgentTask, "source" | "driverParams" | "sender" | "pipe"> {
  /** Session timeout 2 s unless told otherwise, no audits, no sentinel. */
  readonly fusion?: FusionOptions;
  /** Before anything is started. */
  readonly prepare?: (site: Site) => unknown;
  /** Default: the agent is started and the view was equal once. */
  readonly startsStill?: true;
}

/** A crash, a lost session or a frozen receiver cost seconds, not minutes. */
const QUICK_SENDER = { timeout_sec: 2 };
const QUICK_PIPE = { error_retry_interval: 0.2, max_backoff_seconds: 1 };

/** `FUSTOR_TEST_FUSION=real` puts the real Fusion behind everything. */
const createFusion = (options: FusionOptions): Promise<FusionHost> =>
  process.env.FUSTOR_TEST_FUSION === "real" ? createRealFusion(options) : createInProcessFusion(options);

function logTail({ agent }: Placed): string {
  let log = "";
  try {
    log = readFileSync(join(agent.home, "fustor_agent.log"), "utf8").split("\n").slice(-40).join("\n");
  } catch {
    // It never came so far.
  }
  return `${JSON.stringify(agent.exit() ?? "alive")}\n${agent.output().slice(-2000)}\n${log}`;
}

const requestTail = ({ receiver }: Placed): string =>
  receiver.seen
    .slice(-25)
    .map(({ kind, at, status, rows, deleted, sessionId }) =>
      [
        Math.round(at),
        kind,
        status ?? "no answer",
        `${rows} rows`,
        `${deleted.length} deleted`,
        sessionId?.slice(0, 4),
      ].join(" "),
    )
    .join("\n");

/** Builds the stage, plays on it and takes it down; a failure comes with the logs of every agent. */
export async function withFaults(
  options: FaultStageOptions,
  play: (stage: FaultStage) => Promise<void>,
): Promise<void> {
  const undos: (() => unknown)[] = [];
  const placed: Placed[] = [];
  try {
    const [root, outside] = [createTempFolder("tree"), createTempFolder("outside")];
    const shell = (script: string): Promise<void> => runShell(script, root, { OUT: outside });
    await options.prepare?.({ root, outside, shell });
    const fusion = await createFusion({ sessionTimeoutSeconds: 2, ...options.fusion });
    await fusion.start();
    undos.push(() => fusion.kill());
    const place = async (task: Partial<AgentTask> = {}): Promise<Placed> => {
      const receiver = await startFaultReceiver(fusion.receiver.url);
      undos.push(() => receiver.close());
      const address = { ...fusion.receiver, url: receiver.url };
      const { source, driverParams, sender, pipe } = options;
      const agent = createOurAgent({
        root,
        receiver: address,
        ...(source === undefined ? {} : { source }),
        ...(driverParams === undefined ? {} : { driverParams }),
        sender: { ...QUICK_SENDER, ...sender },
        pipe: { ...QUICK_PIPE, ...pipe },
        ...task,
      });
      placed.push({ agent, receiver });
      return { agent, receiver };
    };
    const first = await place();
    const settle = (timeoutMs = 20_000): Promise<number> => waitUntilEqual(fusion.view, root, { timeoutMs });
    if (options.startsStill === undefined) {
      first.agent.start();
      await settle();
    }
    await play({ root, outside, shell, fusion, ...first, place, settle, onCleanup: (undo) => undos.push(undo) });
  } catch (error) {
    const evidence = placed.map((each) => `${logTail(each)}\nrequests:\n${requestTail(each)}`).join("\n----\n");
    throw new Error(`${error instanceof Error ? error.stack : error}\n${evidence}`);
  } finally {
    await killChildren();
    for (const undo of undos.reverse()) await undo();
    removeTempFolders();
  }
}
