/** What an agent that runs lets the admin API do with it. */
import type { AdminPort, Previewed } from "../admin/admin-port.ts";
import { History } from "../admin/history.ts";
import { Journal } from "../admin/journal.ts";
import { Taps } from "../admin/tap.ts";
import type { Agent } from "../agent/agent.ts";
import type { AgentObserver } from "../agent/agent-observer.ts";
import { FilePipeConfigs } from "../agent/pipe-configs/pipe-config-service.ts";
import { type AgentPlan, resolveTarget } from "../agent/reload/reload-plan.ts";
import type { ReloadOutcome, StartedPipe } from "../agent/reload/reload-report.ts";
import { createReloader, type FreshPlan, previewReload } from "../agent/reload/reloader.ts";
import type { AgentConfig } from "../config/model.ts";
import { distrustOfPath } from "../config/trusted-files.ts";
import { listDrivers } from "../drivers/installed-drivers.ts";
import type { AgentLogger } from "../telemetry/logger.ts";

/** What outlives the making of the agent: its log and its pipes write into it from the start. */
export interface AdminMemory {
  readonly journal: Journal;
  readonly history: History;
  readonly taps: Taps;
  readonly observer: AgentObserver;
}

export function adminMemory(): AdminMemory {
  const [journal, taps] = [new Journal(Date.now()), new Taps()];
  const observer: AgentObserver = {
    onTaken: (pipe, changes) => taps.offer(pipe, changes),
    onPipeState: (pipe, state, info) =>
      journal.append("pipe", JSON.stringify({ at: new Date().toISOString(), pipe, state, info })),
  };
  return { journal, taps, observer, history: new History() };
}

export interface AdminPortParts {
  readonly agent: Agent;
  readonly memory: AdminMemory;
  readonly logger: AgentLogger;
  readonly config: AgentConfig;
  /** How long a pipe that goes may send what is queued. */
  readonly drainMs: number;
  readonly replan: () => Promise<FreshPlan>;
  readonly planOf: (name: string) => Promise<AgentPlan>;
  /** Has later plans run a pipe, or leave it out. */
  readonly wish: (pipe: string, runs: boolean) => void;
  requestStop(): void;
}

/** One after the other: pipes of one source share its first look. */
async function startPipes(agent: Agent, { config, pipes }: AgentPlan): Promise<readonly StartedPipe[]> {
  const started: StartedPipe[] = [];
  for (const pipe of pipes) {
    const outcome = await agent.startPipe(resolveTarget(pipe, config));
    const ran = outcome === "running";
    started.push({ pipe: pipe.id, ran, ...(typeof outcome === "object" ? outcome : {}) });
  }
  return started;
}

async function previewed(replan: () => Promise<FreshPlan>, agent: Agent): Promise<Previewed> {
  let config: AgentConfig | undefined;
  const load = async (): Promise<FreshPlan> => {
    const plan = await replan();
    config = plan.config;
    return plan;
  };
  const outcome = await previewReload(load, (plan) => agent.preview(plan));
  return config === undefined ? { outcome } : { outcome, config };
}

export function adminPort(parts: AdminPortParts): AdminPort {
  const { agent, memory, logger, drainMs, replan, planOf, wish } = parts;
  let running = parts.config;
  const onDone = (outcome: ReloadOutcome, plan: FreshPlan | undefined): void => {
    if (outcome.kind === "done" && plan !== undefined) running = plan.config;
    memory.journal.append("reload", JSON.stringify({ at: new Date().toISOString(), ...outcome }));
  };
  const reloader = createReloader({ agent, load: replan, drainMs, logger, onDone });
  const { home, configDir } = parts.config;
  const pipeConfigs = new FilePipeConfigs({
    load: { env: { ...process.env, FUSTOR_HOME: home, FUSTOR_CONFIG_DIR: configDir }, cwd: home },
    keepsOnePipe: true,
    apply: ({ id, isEnabled }) => {
      wish(id, isEnabled);
      return reloader.request();
    },
  });
  return {
    pipeConfigs,
    status: () => agent.status(),
    requestStop: parts.requestStop,
    reload: () => {
      logger.reopen();
      return reloader.request();
    },
    previewReload: () => previewed(replan, agent),
    startPipes: async (name) => startPipes(agent, await planOf(name)),
    restartPipe: async (id) => {
      const plan = await planOf(id);
      await agent.stopPipe(id, drainMs);
      return startPipes(agent, plan);
    },
    stopPipe: (id) => agent.stopPipe(id, drainMs),
    snapshotNow: (id) => agent.snapshotNow(id),
    commandSnapshot: (id, command) => agent.commandSnapshot(id, command),
    sentinelNow: (id) => agent.sentinelNow(id),
    confirmSource: (id) => agent.confirmSource(id),
    sweepSource: (pipe, command) => agent.sweepSource(pipe, command),
    resend: (pipe, directories) => agent.resend(pipe, directories),
    drivers: () => listDrivers({ home: parts.config.home, distrust: distrustOfPath }),
    config: () => running,
    journal: memory.journal,
    history: memory.history,
    taps: memory.taps,
  };
}
