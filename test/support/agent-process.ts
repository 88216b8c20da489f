/** An agent as a child process: one interface for ours and for the rival. */
import { execFile } from "node:child_process";
import type { AgentStatus } from "../../src/agent/agent-status.ts";
import { type AgentTask, createAgentHome } from "./agent-home.ts";
import { type Child, type ExitReport, startChild } from "./child-process.ts";
import { cliPath } from "./cli-path.ts";
import { waitFor } from "./wait-for.ts";

export interface AgentProcess {
  readonly name: string;
  readonly home: string;
  /** Starts a new process; does not wait for anything. */
  start(): void;
  /** SIGTERM; the answer is how it ended. */
  terminate(): Promise<ExitReport>;
  /** SIGKILL. */
  kill(): Promise<ExitReport>;
  freeze(): void;
  thaw(): void;
  pid(): number;
  alive(): boolean;
  /** How the last process ended; undefined while it lives. */
  exit(): ExitReport | undefined;
  output(): string;
}

export interface OurAgentProcess extends AgentProcess {
  /** What `status --json` prints; undefined while no agent of this home answers. */
  status(): Promise<AgentStatus | undefined>;
  waitForStatus(wanted: (status: AgentStatus) => boolean, timeoutMs?: number): Promise<AgentStatus>;
}

export interface AgentCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export function createAgentChild(run: AgentCommand, home: string): AgentProcess {
  let child: Child | undefined;
  const running = (): Child => {
    if (child === undefined) throw new Error(`${run.name} was never started`);
    return child;
  };
  return {
    name: run.name,
    home,
    start() {
      if (child !== undefined && child.exit() === undefined) throw new Error(`${run.name} runs already`);
      child = startChild({ command: run.command, args: run.args, env: { ...run.env, FUSTOR_HOME: home }, cwd: home });
    },
    terminate: () => running().end(20_000),
    async kill() {
      running().signal("SIGKILL");
      return running().exited;
    },
    freeze: () => running().signal("SIGSTOP"),
    thaw: () => running().signal("SIGCONT"),
    pid: () => running().pid,
    alive: () => child !== undefined && child.exit() === undefined,
    exit: () => child?.exit(),
    output: () => child?.output() ?? "",
  };
}

/** Resolves with undefined when no agent answers; throws on anything that is neither an answer nor exit code 3. */
function askStatus(home: string): Promise<AgentStatus | undefined> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, FUSTOR_HOME: home };
    execFile(process.execPath, [cliPath(), "status", "--json"], { env, timeout: 15_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(JSON.parse(stdout) as AgentStatus);
      else if (error.code === 3) resolve(undefined);
      else reject(new Error(`status --json: ${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

/** Our agent by its command line, without its status page. */
export function createOurAgent(task: AgentTask): OurAgentProcess {
  const home = createAgentHome(task);
  const env = { FUSTOR_CONSOLE_PORT: "0" };
  const child = createAgentChild(
    { name: "fustor-agent", command: process.execPath, args: [cliPath(), "start"], env },
    home,
  );
  return {
    ...child,
    status: () => askStatus(home),
    async waitForStatus(wanted, timeoutMs = 30_000) {
      let last: AgentStatus | undefined;
      const look = async (): Promise<AgentStatus | undefined> => {
        if (!child.alive()) throw new Error(`the agent ended:\n${child.output()}`);
        last = await askStatus(home);
        return last !== undefined && wanted(last) ? last : undefined;
      };
      return waitFor(look, { timeoutMs, intervalMs: 100, what: () => `agent status, last: ${JSON.stringify(last)}` });
    },
  };
}
