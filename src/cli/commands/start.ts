import type { StartReport } from "../../agent/agent.ts";
import { reportVerdict, startDaemon } from "../../agent/daemon.ts";
import { alreadyRunning } from "../../agent/instance-lock.ts";
import { occupancyOf } from "../../agent/occupancy.ts";
import { startOnly } from "../../agent/reload-plan.ts";
import type { FreshPlan } from "../../agent/reloader.ts";
import { homePaths } from "../../config/home.ts";
import { configDirOf, loadConfig } from "../../config/load.ts";
import type { AgentConfig, PipeConfig } from "../../config/model.ts";
import { formatProblem } from "../../config/problem.ts";
import { type NotStarted, selectPipes, selectPipesAgain } from "../../config/select.ts";
import { untilConfigSettled } from "../../config/settled.ts";
import { describeError, FustorError } from "../../sdk/index.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { consolePort, runAgent } from "../run-agent.ts";
import type { Terminal } from "../terminal.ts";
import { tellWarnings } from "./validate.ts";

export interface StartCommandOptions {
  readonly daemon?: boolean;
  readonly verbose?: boolean;
  /** Set by ourselves for the child of `start -D`. */
  readonly daemonChild?: boolean;
}

interface Plan {
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

async function plan(names: readonly string[]): Promise<Plan> {
  const config = await loadConfig();
  const { selected, notStarted } = selectPipes(config, names);
  const leftOut = leftOutLines(notStarted);
  if (selected.length === 0) throw nothingToStart(config, leftOut);
  return { config, pipes: selected, leftOut };
}

/**
 * What the same command would run now. Home and configuration folder stay those of the start: a file that says otherwise by now takes
 * effect with the next start. A configuration without any pipe is refused as at the start, because that is what an editor leaves on a
 * full disk; pipes that are all disabled are a wish.
 */
function replanner(started: AgentConfig, names: readonly string[]): () => Promise<FreshPlan> {
  const { home, configDir } = started;
  const cwd = process.cwd();
  const env = { ...process.env, FUSTOR_HOME: home };
  return async () => {
    const places = { env: { ...env, FUSTOR_CONFIG_DIR: configDir }, cwd };
    await untilConfigSettled(places);
    const config = await loadConfig(places);
    if (config.pipes.size === 0) throw nothingToStart(config, []);
    const { selected, notStarted } = selectPipesAgain(config, names);
    const warnings = config.warnings.map((warning) => `warning: ${formatProblem(warning)}`);
    const moved = configDirOf({ env, cwd }) === configDir ? [] : [startOnly("FUSTOR_CONFIG_DIR")];
    return { config, pipes: selected, notStarted, remarks: [...warnings, ...leftOutLines(notStarted), ...moved] };
  };
}

async function tellPlan({ config, leftOut }: Plan, terminal: Terminal): Promise<void> {
  await tellWarnings(config.warnings, terminal);
  for (const line of leftOut) await terminal.complain(`warning: ${line}`);
}

const tellFailed = async ({ failed }: Pick<StartReport, "failed">, terminal: Terminal): Promise<void> => {
  for (const { pipe, reason } of failed) await terminal.complain(`fustor-agent: ${pipe} did not start: ${reason}`);
};

async function inForeground(names: readonly string[], verbose: boolean, terminal: Terminal): Promise<number> {
  const planned = await plan(names);
  await tellPlan(planned, terminal);
  let anyFailed = false;
  const onStarted = (report: StartReport): void => {
    anyFailed = report.failed.length > 0;
    void tellFailed(report, terminal);
  };
  const replan = replanner(planned.config, names);
  const code = await runAgent({ ...planned, replan, verbose, stdout: process.stdout, onStarted });
  return code === EXIT.done && anyFailed ? EXIT.failure : code;
}

/** The child: the parent has shown the warnings already, so only the verdict goes back. */
async function asDaemonChild(names: readonly string[], verbose: boolean): Promise<number> {
  try {
    const planned = await plan(names);
    const replan = replanner(planned.config, names);
    // A daemon keeps no file system busy that it merely was started from.
    process.chdir("/");
    const onStarted = ({ started, failed }: StartReport): void => {
      const message = failed.map(({ pipe, reason }) => `${pipe} did not start: ${reason}`).join("\n");
      const nothing = { kind: "failed", exitCode: EXIT.failure, message } as const;
      void reportVerdict(started.length === 0 ? nothing : { kind: "started", pid: process.pid, failed });
    };
    return await runAgent({ ...planned, replan, verbose, isDaemon: true, onStarted });
  } catch (error) {
    const exitCode = exitCodeOf(error);
    await reportVerdict({ kind: "failed", exitCode, message: describeError(error) });
    return exitCode;
  }
}

async function inBackground(names: readonly string[], verbose: boolean, terminal: Terminal): Promise<number> {
  const planned = await plan(names);
  consolePort(process.env.FUSTOR_CONSOLE_PORT);
  const { home, configDir, logging } = planned.config;
  const found = await occupancyOf(home);
  if (found.kind !== "nobody") throw alreadyRunning(home, found.kind === "here" ? found.agent.pid : undefined);
  await tellPlan(planned, terminal);
  const { logFile } = homePaths(home, configDir, logging.dir);
  const verdict = await startDaemon({
    script: process.argv[1] ?? "",
    args: ["start", "--daemon-child", ...(verbose ? ["-V"] : []), "--", ...names],
    logFile,
    signal: terminal.closed,
  });
  if (verdict.kind === "failed") {
    await terminal.complain(`fustor-agent: ${verdict.message}`);
    return verdict.exitCode;
  }
  await tellFailed(verdict, terminal);
  await terminal.line(`Started (PID ${verdict.pid}). Log: ${logFile}`);
  return verdict.failed.length > 0 ? EXIT.failure : EXIT.done;
}

export function start(names: readonly string[], options: StartCommandOptions, terminal: Terminal): Promise<number> {
  const verbose = options.verbose ?? false;
  if (options.daemonChild === true) return asDaemonChild(names, verbose);
  return options.daemon === true ? inBackground(names, verbose, terminal) : inForeground(names, verbose, terminal);
}
