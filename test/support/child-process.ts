/** Children of tests: each in a process group of its own, all of them dead at the end, whatever happened. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";

export interface ExitReport {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of the tests; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** False: only the end of the tests' process, or `end`, ends it. Default true. */
  readonly endsWithTest?: boolean;
}

export interface Child {
  readonly pid: number;
  readonly exited: Promise<ExitReport>;
  /** Undefined while it lives. */
  exit(): ExitReport | undefined;
  /** To the process alone. Nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL to the group when it takes longer than this. */
  end(patienceMs?: number): Promise<ExitReport>;
  /** What it printed on both streams, the last 256 KB. */
  output(): string;
}

const KEPT_OUTPUT = 262_144;
const living = new Set<ChildProcess>();
/** Those that serve several tests. */
const shared = new Set<ChildProcess>();

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    child.kill(signal);
  }
}

function killAll(): void {
  for (const child of [...living, ...shared]) signalGroup(child, "SIGKILL");
}

process.once("exit", killAll);
// Their groups are their own, so a Ctrl-C at the terminal does not reach them.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    killAll();
    process.kill(process.pid, signal);
  });
}

export function startChild(options: ChildOptions): Child {
  const child = spawn(options.command, [...options.args], {
    env: { ...process.env, ...options.env },
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  let output = "";
  const keep = (chunk: Buffer | string): void => {
    output = (output + String(chunk)).slice(-KEPT_OUTPUT);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const kept = options.endsWithTest === false ? shared : living;
  kept.add(child);
  let report: ExitReport | undefined;
  const exited = new Promise<ExitReport>((resolve) => {
    const done = (code: number | null, signal: NodeJS.Signals | null): void => {
      report ??= { code, signal };
      kept.delete(child);
      resolve(report);
    };
    child.once("error", (error) => {
      keep(`${error}\n`);
      if (pid === undefined) done(127, null);
    });
    child.once("exit", done);
  });
  return {
    pid: pid ?? -1,
    exited,
    exit: () => report,
    signal: (signal) => {
      child.kill(signal);
    },
    output: () => output,
    async end(patienceMs = 15_000) {
      if (report !== undefined) return report;
      signalGroup(child, "SIGCONT");
      child.kill("SIGTERM");
      const patience = new AbortController();
      const late = pause(patienceMs, "late", { signal: patience.signal }).catch(() => "over");
      if ((await Promise.race([exited, late])) === "late") signalGroup(child, "SIGKILL");
      patience.abort();
      return exited;
    },
  };
}

/** SIGKILL for every child that still lives, but for those that serve several tests. For afterEach: resolves when all are gone. */
export async function killChildren(): Promise<void> {
  const gone = [...living].map((child) => new Promise((resolve) => child.once("exit", resolve)));
  for (const child of living) signalGroup(child, "SIGKILL");
  await Promise.all(gone);
}
