/**
 * `start -D`: a detached child that outlives the shell, and a parent that waits for its verdict.
 *
 * The child tells over Node's IPC channel how the start went and then hangs up. Should it die before that, its end is
 * the verdict; should the parent die first, the child goes on.
 */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import type { FailedPipe } from "../start-report.ts";
import { APPEND } from "../state/durable-file.ts";

export type StartVerdict =
  | { readonly kind: "started"; readonly pid: number; readonly failed: readonly FailedPipe[] }
  | { readonly kind: "failed"; readonly exitCode: number; readonly message: string };

const isVerdict = (message: unknown): message is StartVerdict => {
  const kind = (message as { readonly kind?: unknown } | null)?.kind;
  return kind === "started" || kind === "failed";
};

export interface DaemonOptions {
  /** The script that Node runs, and its arguments. */
  readonly script: string;
  readonly args: readonly string[];
  /** Gets what the child prints outside its log, such as a crash of the runtime. */
  readonly logFile: string;
  /** Told why the log cannot be opened: the child then runs without. */
  readonly onNoLog: (why: string) => void;
  /** The caller's patience; with it the child is left alone. */
  readonly signal: AbortSignal;
}

/** Where Node can be told at its start that SIGUSR1 opens no debugger, not even before our own listener is there. */
const NO_DEBUGGER = ["--disable-sigusr1"].filter((flag) => process.allowedNodeEnvironmentFlags.has(flag));

/** A log that cannot be written costs its lines and not the agent. */
function openLog({ logFile, onNoLog }: DaemonOptions): number | undefined {
  try {
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
    return openSync(logFile, APPEND, 0o600);
  } catch (error) {
    onNoLog(fileTrouble(error, logFile, "opened").message);
    return undefined;
  }
}

/** Resolves with the child's verdict, or with what its silent end says. */
export function startDaemon(options: DaemonOptions): Promise<StartVerdict> {
  const log = openLog(options);
  const child = spawn(process.execPath, [...process.execArgv, ...NO_DEBUGGER, options.script, ...options.args], {
    // A session of its own: no terminal can end it.
    detached: true,
    stdio: ["ignore", log ?? "ignore", log ?? "ignore", "ipc"],
  });
  if (log !== undefined) closeSync(log);
  return new Promise((resolve, reject) => {
    const ended = (how: string): StartVerdict => ({
      kind: "failed",
      exitCode: 1,
      message: `the agent ended before it was up (${how}); see ${options.logFile}`,
    });
    const settle = (verdict: StartVerdict): void => {
      options.signal.removeEventListener("abort", giveUp);
      if (child.connected) child.disconnect();
      child.unref();
      resolve(verdict);
    };
    const giveUp = (): void =>
      settle({ kind: "failed", exitCode: 1, message: `no longer waiting for PID ${child.pid}` });
    options.signal.addEventListener("abort", giveUp);
    child.on("error", reject);
    child.on("message", (message) => {
      if (isVerdict(message)) settle(message);
    });
    child.on("exit", (code, signal) => settle(ended(signal ?? `exit code ${code}`)));
  });
}

/** In the child: tells the parent, if there still is one, and hangs up. */
export function reportVerdict(verdict: StartVerdict): Promise<void> {
  if (process.send === undefined || !process.connected) return Promise.resolve();
  return new Promise((resolve) => {
    process.once("error", () => undefined);
    process.send?.(verdict, undefined, {}, () => {
      if (process.connected) process.disconnect();
      resolve();
    });
  });
}
