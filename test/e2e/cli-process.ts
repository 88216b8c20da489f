/** The built command line as a child process, as a user would run it. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { cliPath } from "../support/cli-path.ts";
import { freePorts } from "../support/free-ports.ts";
import { waitFor } from "../support/wait-for.ts";

export interface RunOptions {
  readonly home?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Nothing of the test runner's own npm and Fustor settings reaches the child. */
function environment({ home, env }: RunOptions): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|FUSTOR_|NODE_OPTIONS$|VITEST)/.test(name),
  );
  const own = { FUSTOR_CONSOLE_PORT: "0", ...(home === undefined ? {} : { FUSTOR_HOME: home }) };
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...own, ...env };
}

export class CliProcess {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";
  readonly ended: Promise<Ended>;

  constructor(args: readonly string[], options: RunOptions = {}) {
    const { cwd, uid } = options;
    this.child = spawn(process.execPath, [cliPath(), ...args], {
      env: environment(options),
      ...(cwd === undefined ? {} : { cwd }),
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, "close").then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr } as Ended;
    });
    onTestFinished(() => void this.child.kill("SIGKILL"));
  }

  get lines(): readonly string[] {
    return this.stdout.split("\n").slice(0, -1);
  }

  /** Waits for what is printed, and fails with everything printed so far. */
  async until(what: string, holds: (process: this) => boolean, timeoutMs = 20_000): Promise<void> {
    const printed = (): string => `${what}\n${this.stdout}\n${this.stderr}`;
    const look = (): boolean => {
      if (holds(this)) return true;
      if (this.child.exitCode === null && this.child.signalCode === null) return false;
      throw new Error(`ended before ${printed()}`);
    };
    await waitFor(look, { timeoutMs, intervalMs: 10, what: printed });
  }
}

export const cli = (args: readonly string[], options: RunOptions = {}): CliProcess => new CliProcess(args, options);

export const run = (args: readonly string[], options: RunOptions = {}): Promise<Ended> => cli(args, options).ended;

/** A folder of the test's own, gone when it ends. */
export async function folder(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), "fustor-e2e-")));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

/** A home whose agent, should one still run at the end of the test, is stopped. */
export async function agentHome(): Promise<string> {
  const home = await folder();
  onTestFinished(async () => void (await runForCleanUp(["stop"], home)));
  return home;
}

async function runForCleanUp(args: readonly string[], home: string): Promise<void> {
  const child = spawn(process.execPath, [cliPath(), ...args], { env: environment({ home }), stdio: "ignore" });
  await once(child, "close");
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no port is free");
  return port;
}

/** Waits until a condition holds; what it throws counts as not yet, and is told when it never holds. */
export async function eventually(what: string, holds: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  let last = "";
  const look = (): Promise<boolean> =>
    holds().catch((error: unknown) => {
      last = `, last: ${String(error)}`;
      return false;
    });
  await waitFor(look, { timeoutMs, intervalMs: 20, what: () => `${what}${last}` });
}
