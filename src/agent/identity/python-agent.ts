/**
 * The Python agent (Fustor Agent 0.8) that runs on a home. Its `agent.pid` is a bare process id, without a lock, so the
 * command line of the process has to say that it is one: a number that was given out again keeps nobody out.
 */
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** Its process id, undefined when none runs there. */
export async function pythonAgentOf(home: string): Promise<number | undefined> {
  const text = await readFile(join(home, "agent.pid"), "utf8").catch(() => "");
  const pid = /^\d{1,10}$/.test(text.trim()) ? Number(text) : 0;
  if (pid === 0 || pid === process.pid) return undefined;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return isPythonAgent(commandLine.split("\0")) ? pid : undefined;
}

export const isPythonAgent = ([program = "", ...args]: readonly string[]): boolean =>
  basename(program).startsWith("python") && args.some((arg) => basename(arg) === "fustor-agent");
