import { reportVerdict, startDaemon } from "../../agent/process/daemon.ts";
import { alreadyRunning } from "../../agent/process/instance-lock.ts";
import { occupancyOf } from "../../agent/process/occupancy.ts";
import type { StartReport } from "../../agent/start-report.ts";
import { homePaths, resolveHome } from "../../config/home.ts";
import { describeError } from "../../sdk/index.ts";
import { consoleSettings } from "../console-settings.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import { firstStates } from "../first-states.ts";
import { runAgent } from "../run-agent.ts";
import { startInRunningAgent } from "../start-in-running-agent.ts";
import { laterPlans, planStart, type StartPlan } from "../start-plan.ts";
import type { Terminal } from "../terminal.ts";
import { tellWarnings } from "./validate.ts";

export interface StartCommandOptions {
  readonly daemon?: boolean;
  readonly verbose?: boolean;
  /** Set by ourselves for the child of `start -D`. */
  readonly daemonChild?: boolean;
}

async function tellPlan({ config, leftOut }: StartPlan, terminal: Terminal): Promise<void> {
  await tellWarnings(config.warnings, terminal);
  for (const line of leftOut) await terminal.complain(`warning: ${line}`);
}

const tellFailed = async ({ failed }: Pick<StartReport, "failed">, terminal: Terminal): Promise<void> => {
  for (const { pipe, reason } of failed) await terminal.complain(`fustor-agent: ${pipe} did not start: ${reason}`);
};

async function inForeground(names: readonly string[], verbose: boolean, terminal: Terminal): Promise<number> {
  const planned = await planStart(names);
  await tellPlan(planned, terminal);
  const onStarted = (report: StartReport): void => void tellFailed(report, terminal);
  const plans = laterPlans(planned.config, names);
  return runAgent({ ...planned, ...plans, verbose, stdout: process.stdout, onStarted });
}

/** The child: the parent has shown the warnings already, so only the verdict goes back. */
async function asDaemonChild(names: readonly string[], verbose: boolean): Promise<number> {
  try {
    const planned = await planStart(names);
    const plans = laterPlans(planned.config, names);
    // A daemon keeps no file system busy that it merely was started from.
    process.chdir("/");
    const onStarted = ({ started, failed }: StartReport): void => {
      const message = failed.map(({ pipe, reason }) => `${pipe} did not start: ${reason}`).join("\n");
      const nothing = { kind: "failed", exitCode: EXIT.failure, message } as const;
      void reportVerdict(started.length === 0 ? nothing : { kind: "started", pid: process.pid, failed });
    };
    return await runAgent({ ...planned, ...plans, verbose, isDaemon: true, onStarted });
  } catch (error) {
    const exitCode = exitCodeOf(error);
    await reportVerdict({ kind: "failed", exitCode, message: describeError(error) });
    return exitCode;
  }
}

async function inBackground(names: readonly string[], verbose: boolean, terminal: Terminal): Promise<number> {
  const planned = await planStart(names);
  consoleSettings(planned.config.console, process.env);
  const { home, configDir, logging } = planned.config;
  const found = await occupancyOf(home);
  if (found.kind !== "nobody") throw alreadyRunning(home, found.kind === "here" ? found.agent.pid : undefined);
  await tellPlan(planned, terminal);
  const { logFile } = homePaths(home, configDir, logging.dir);
  let logText = logFile;
  const verdict = await startDaemon({
    script: process.argv[1] ?? "",
    args: ["start", "--daemon-child", ...(verbose ? ["-V"] : []), "--", ...names],
    logFile,
    onNoLog: (why) => {
      logText = "none";
      void terminal.complain(`warning: ${why}; going on without a log`);
    },
    signal: terminal.closed,
  });
  if (verdict.kind === "failed") {
    await terminal.complain(`fustor-agent: ${verdict.message}`);
    return verdict.exitCode;
  }
  await tellFailed(verdict, terminal);
  const [all, failed] = [planned.pipes.length, verdict.failed.length];
  const part = failed === 0 ? "" : ` with ${all - failed} of ${all} pipes`;
  await terminal.line(`Started${part} (PID ${verdict.pid}). Log: ${logText}`);
  for (const line of await firstStates(home, terminal.closed)) await terminal.complain(`warning: ${line}`);
  return EXIT.done;
}

export async function start(
  names: readonly string[],
  options: StartCommandOptions,
  terminal: Terminal,
): Promise<number> {
  const verbose = options.verbose ?? false;
  if (options.daemonChild === true) return asDaemonChild(names, verbose);
  const inRunning =
    names.length === 0 ? undefined : await startInRunningAgent(resolveHome(process.env), names, terminal);
  if (inRunning !== undefined) return inRunning;
  return options.daemon === true ? inBackground(names, verbose, terminal) : inForeground(names, verbose, terminal);
}
