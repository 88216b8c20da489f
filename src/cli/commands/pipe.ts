/** What is done with single pipes of the running agent. */
import { requestPipeRestart, requestSnapshot } from "../../agent/control/control-client.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import { startInRunningAgent, tellStart } from "../start-in-running-agent.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

/** Has a leader send the whole tree anew. */
export async function snapshot(pipe: string, terminal: Terminal): Promise<number> {
  const refusal = await requestSnapshot(resolveHome(process.env), pipe);
  if (refusal === undefined) {
    await terminal.line("A snapshot has begun. `fustor-agent status` shows how far it is.");
    return EXIT.done;
  }
  await terminal.complain(`fustor-agent: ${printable(refusal.message)}`);
  return EXIT.failure;
}

/** Of an agent that runs; it is not started for it. */
export async function startPipe(pipe: string, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const code = await startInRunningAgent(home, [pipe], terminal);
  if (code !== undefined) return code;
  await terminal.complain(`fustor-agent: no agent is running on ${home}`);
  return EXIT.stopped;
}

export async function restartPipe(pipe: string, terminal: Terminal): Promise<number> {
  const outcome = await requestPipeRestart(resolveHome(process.env), pipe);
  if (outcome !== undefined) return tellStart(outcome, terminal);
  await terminal.complain(`fustor-agent: the agent runs no pipe ${JSON.stringify(pipe)}`);
  return EXIT.failure;
}
