/** What a scenario is, and how one is run: the same for every pair of an agent and a Fusion. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentStatus } from "../../src/agent/agent-status.ts";
import type { AgentTask } from "./agent-home.ts";
import type { AgentProcess, OurAgentProcess } from "./agent-process.ts";
import { killChildren } from "./child-process.ts";
import type { FusionOptions, FusionProcess } from "./fusion-process.ts";
import { runShell } from "./shell.ts";
import { createTempFolder, removeTempFolders } from "./temp-tree.ts";
import { type Comparison, converge, describeComparison } from "./tree-compare.ts";
import { lasting } from "./wait-for.ts";

/** Where things happen before any process runs. */
export interface Site {
  /** The watched tree. */
  readonly root: string;
  /** A folder on the same file system that nobody watches. */
  readonly outside: string;
  /** A bash script in the root; `$OUT` is the folder outside. */
  shell(script: string): Promise<void>;
}

export interface Stage extends Site {
  readonly fusion: FusionProcess;
  readonly agent: AgentProcess;
  /** Another agent on the same tree with a home of its own, not started; it is gone at the end at the latest. */
  addAgent(): AgentProcess;
  /** View and disk have to be equal at this point; a rival that fails here goes on all the same. */
  settle(): Promise<void>;
  /** Runs before the processes end, in reverse order. */
  onCleanup(undo: () => void | Promise<void>): void;
}

export interface Scenario {
  /** Without spaces at its ends; shown by the test and in the table. */
  readonly name: string;
  readonly fusion?: FusionOptions;
  /** It stops, kills, freezes or overloads Fusion, or needs one without a past; other scenarios share theirs. */
  readonly ownFusion?: true;
  /** Milliseconds to converge after `act`. Default 20,000. */
  readonly withinMs?: number;
  /** Before the agent starts. Without `act` the clock runs from the agent's start, otherwise from the end of `act`. */
  prepare?(site: Site): void | Promise<void>;
  /** While the agent runs; it begins when the view is open, unless {@link startsWithoutView}. */
  act?(stage: Stage): void | Promise<void>;
  readonly startsWithoutView?: true;
  /** Claims beyond equality, for our agent alone. */
  after?(stage: Stage & { readonly agent: OurAgentProcess }): Promise<void>;
}

export interface Cast<Agent extends AgentProcess> {
  fusion(options?: FusionOptions): Promise<FusionProcess>;
  agent(task: AgentTask): Agent;
}

const WITHIN_MS = 20_000;
const OPEN_MS = 30_000;
/** Nothing tells when the rival has armed its watches. */
const RIVAL_ARMING_MS = 2000;

function logTail(agent: AgentProcess): string {
  try {
    return readFileSync(join(agent.home, "fustor_agent.log"), "utf8").split("\n").slice(-30).join("\n");
  } catch {
    return agent.output().slice(-4000);
  }
}

/** "alive", or the exit code or signal it ended with. */
function fateOf(agent: AgentProcess): string {
  const exit = agent.exit();
  return exit === undefined ? "alive" : `down (${exit.signal ?? `exit code ${exit.code}`})`;
}

async function evidence(agent: AgentProcess, fusion: FusionProcess, status: unknown): Promise<string> {
  return [
    `agent ${fateOf(agent)}, status: ${JSON.stringify(status)}`,
    `agent's output:\n${agent.output().slice(-2000)}`,
    `agent's log:\n${logTail(agent)}`,
    `Fusion's output:\n${fusion.output().slice(-2000)}`,
  ].join("\n");
}

function createSite(): Site {
  const root = createTempFolder("tree");
  const outside = createTempFolder("outside");
  return { root, outside, shell: (script) => runShell(script, root, { OUT: outside }) };
}

async function withStage<Agent extends AgentProcess, Result>(
  scenario: Scenario,
  cast: Cast<Agent>,
  settle: (fusion: FusionProcess, root: string) => Promise<void>,
  play: (stage: Stage & { readonly agent: Agent }) => Promise<Result>,
): Promise<Result> {
  const undos: (() => void | Promise<void>)[] = [];
  try {
    const site = createSite();
    await scenario.prepare?.(site);
    const fusion = await cast.fusion(scenario.fusion);
    await fusion.start();
    const addAgent = (): Agent => cast.agent({ root: site.root, receiver: fusion.receiver });
    const agent = addAgent();
    agent.start();
    const onCleanup = (undo: () => void | Promise<void>): void => void undos.push(undo);
    return await play({ ...site, fusion, agent, addAgent, onCleanup, settle: () => settle(fusion, site.root) });
  } finally {
    for (const undo of undos.reverse()) await undo();
    await killChildren();
    removeTempFolders();
  }
}

/** A healthy end: the pipe runs, its snapshot is complete and Fusion refused no row. */
function assertHealthy(status: AgentStatus | undefined): void {
  const pipe = status?.pipes[0];
  const healthy = pipe?.state === "running" && pipe.snapshot === "complete" && pipe.poisonRows === 0;
  if (!healthy) throw new Error("view and disk are equal, but the agent's status is not that of a healthy pipe");
}

/** Ends with the agent's goodbye: exit code 0, and no session left behind. */
async function assertCleanEnd({ agent, fusion }: Stage): Promise<void> {
  const { code, signal } = await agent.terminate();
  if (code !== 0) throw new Error(`after SIGTERM the agent ended with ${code ?? signal} instead of 0`);
  const sessions = await fusion.view.sessions();
  if (sessions.length > 0) throw new Error(`the agent left ${sessions.length} session(s) behind`);
}

/** Plays a scenario with our agent. Resolves with the milliseconds to equality; throws with all evidence otherwise. */
export function judge(scenario: Scenario, cast: Cast<OurAgentProcess>): Promise<number> {
  const demandEqual = async (fusion: FusionProcess, root: string, withinMs: number): Promise<number> => {
    const convergence = await converge(fusion.view, root, { timeoutMs: withinMs });
    if (convergence.equal) return convergence.tookMs;
    throw new Error(`view and disk differ after ${withinMs} ms: ${describeComparison(convergence.last)}`);
  };
  const settle = async (fusion: FusionProcess, root: string): Promise<void> => {
    await demandEqual(fusion, root, WITHIN_MS);
  };
  return withStage(scenario, cast, settle, async (stage) => {
    const { agent, fusion, root } = stage;
    try {
      const begun = performance.now();
      if (scenario.startsWithoutView === undefined) await fusion.view.waitUntilOpen(OPEN_MS);
      const openedMs = performance.now() - begun;
      if (scenario.act !== undefined && scenario.startsWithoutView === undefined) await stage.settle();
      await scenario.act?.(stage);
      const equalMs = await demandEqual(fusion, root, scenario.withinMs ?? WITHIN_MS);
      const tookMs = scenario.act === undefined ? openedMs + equalMs : equalMs;
      assertHealthy(await agent.status());
      await scenario.after?.(stage);
      await assertCleanEnd(stage);
      return tookMs;
    } catch (error) {
      const status = await agent.status().catch(String);
      throw new Error(`${error instanceof Error ? error.message : error}\n${await evidence(agent, fusion, status)}`);
    }
  });
}

export type Measurement =
  | { readonly outcome: "equal"; readonly tookMs: number; readonly fate: string }
  | { readonly outcome: "different"; readonly last: Comparison; readonly fate: string }
  | { readonly outcome: "failed"; readonly reason: string };

/** Plays a scenario with any agent and only looks: equal means no missing entry, no ghost and no wrong kind. */
export function measure(scenario: Scenario, cast: Cast<AgentProcess>): Promise<Measurement> {
  const settle = async (fusion: FusionProcess, root: string): Promise<void> => {
    await converge(fusion.view, root, { timeoutMs: WITHIN_MS, namesOnly: true });
  };
  const play = withStage(scenario, cast, settle, async (stage): Promise<Measurement> => {
    const { agent, fusion, root } = stage;
    const begun = performance.now();
    if (scenario.startsWithoutView === undefined) await fusion.view.waitUntilOpen(OPEN_MS);
    const openedMs = scenario.act === undefined ? performance.now() - begun : 0;
    if (scenario.act !== undefined && scenario.startsWithoutView === undefined)
      await lasting(RIVAL_ARMING_MS, "the rival arms its watches and tells nobody when");
    await scenario.act?.(stage);
    const timeoutMs = scenario.withinMs ?? WITHIN_MS;
    const convergence = await converge(fusion.view, root, { timeoutMs, namesOnly: true });
    const fate = fateOf(agent);
    if (convergence.equal) return { outcome: "equal", tookMs: openedMs + convergence.tookMs, fate };
    return { outcome: "different", last: convergence.last, fate };
  });
  return play.catch((error: unknown): Measurement => ({ outcome: "failed", reason: String(error) }));
}
