/**
 * What a start runs, and what the agent that came of it is to run later: after a reload, and with a pipe that was asked
 * for by name.
 */
import { type AgentPlan, startOnly } from "../agent/reload/reload-plan.ts";
import type { FreshPlan } from "../agent/reload/reloader.ts";
import { workingFolder } from "../config/home.ts";
import { configDirOf, loadConfig } from "../config/load.ts";
import type { AgentConfig, PipeConfig } from "../config/model.ts";
import { type NotStarted, type Selection, selectPipes, selectPipesAgain } from "../config/select.ts";
import { untilConfigSettled } from "../config/settled.ts";
import { FustorError } from "../sdk/index.ts";
import { formatProblem } from "../yaml/problem.ts";

export interface StartPlan {
  readonly config: AgentConfig;
  readonly pipes: readonly PipeConfig[];
  /** What the configuration has and this start leaves out, one line each. */
  readonly leftOut: readonly string[];
}

function nothingToStart(config: AgentConfig, leftOut: readonly string[]): FustorError {
  const why = leftOut.length === 0 ? "no pipe is defined" : leftOut.join("\n");
  return new FustorError("FUSTOR_CONFIG_INVALID", `there is nothing to start in ${config.configDir}:\n${why}`);
}

const leftOutLines = (notStarted: readonly NotStarted[]): readonly string[] =>
  notStarted.map(({ pipe, reason }) => `${pipe.id} is not started: ${reason}`);

export async function planStart(names: readonly string[]): Promise<StartPlan> {
  const config = await loadConfig();
  const { selected, notStarted } = selectPipes(config, names);
  const leftOut = leftOutLines(notStarted);
  if (selected.length === 0) throw nothingToStart(config, leftOut);
  return { config, pipes: selected, leftOut };
}

export interface LaterPlans {
  /** What the same command would run now, and what was asked for by name since. */
  readonly replan: () => Promise<FreshPlan>;
  /** The pipes of a name as the configuration has them now; they belong to every later `replan`. */
  readonly planOf: (name: string) => Promise<AgentPlan>;
  /** From now on the pipe belongs to every `replan`, or, as long as it is not enabled, to none, whatever the start named. */
  readonly wish: (pipe: string, runs: boolean) => void;
}

/** The choice of the start, and beside it what was asked for later. */
function selectAll(config: AgentConfig, names: readonly string[], asked: ReadonlySet<string>): Selection {
  const first = selectPipesAgain(config, names);
  if (asked.size === 0) return first;
  const later = selectPipesAgain(config, [...asked]);
  const chosen = new Set([...first.selected, ...later.selected]);
  const selected = [...config.pipes.values()].filter((pipe) => chosen.has(pipe));
  const notStarted = first.notStarted.filter(({ pipe }) => !chosen.has(pipe));
  return { selected, notStarted };
}

/** Without what was switched off since the start, which may have named it. What the files have enabled by now runs. */
function withoutDropped({ selected, notStarted }: Selection, dropped: ReadonlySet<string>): Selection {
  const off = selected.filter(({ id, enabled }) => !enabled && dropped.has(id));
  const reasons = off.map((pipe) => ({ pipe, reason: "it was switched off" }));
  return { selected: selected.filter((pipe) => !off.includes(pipe)), notStarted: [...notStarted, ...reasons] };
}

/**
 * Home and configuration folder stay those of the start: a file that says otherwise by now takes effect with the next
 * start. A configuration without any pipe is refused as at the start, because that is what an editor leaves on a full
 * disk; pipes that are all disabled are a wish.
 */
export function laterPlans({ home, configDir }: AgentConfig, names: readonly string[]): LaterPlans {
  const cwd = workingFolder();
  const from = cwd === undefined ? {} : { cwd };
  const env = { ...process.env, FUSTOR_HOME: home };
  const places = { env: { ...env, FUSTOR_CONFIG_DIR: configDir }, ...from };
  const asked = new Set<string>();
  const dropped = new Set<string>();
  const load = async (): Promise<AgentConfig> => {
    await untilConfigSettled(places);
    const config = await loadConfig(places);
    if (config.pipes.size === 0) throw nothingToStart(config, []);
    return config;
  };
  return {
    replan: async () => {
      const config = await load();
      const { selected, notStarted } = withoutDropped(selectAll(config, names, asked), dropped);
      const warnings = config.warnings.map((warning) => `warning: ${formatProblem(warning)}`);
      const moved = configDirOf({ env, ...from }) === configDir ? [] : [startOnly("FUSTOR_CONFIG_DIR")];
      return { config, pipes: selected, notStarted, remarks: [...warnings, ...leftOutLines(notStarted), ...moved] };
    },
    planOf: async (name) => {
      const config = await load();
      const { selected, notStarted } = selectPipes(config, [name]);
      if (selected.length === 0) throw nothingToStart(config, leftOutLines(notStarted));
      asked.add(name);
      for (const { id } of selected) dropped.delete(id);
      return { config, pipes: selected };
    },
    wish: (pipe, runs) => {
      dropped.delete(pipe);
      asked.delete(pipe);
      if (!runs) dropped.add(pipe);
      // A start without names runs what is enabled anyway.
      else if (names.length > 0) asked.add(pipe);
    },
  };
}
