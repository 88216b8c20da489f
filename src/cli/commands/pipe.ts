/** What is done with single pipes of the running agent. */
import { requestPipeRestart, requestSnapshot, requestSnapshotCommand } from "../../agent/control/control-client.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import { startInRunningAgent, tellStart } from "../start-in-running-agent.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export interface SnapshotCommandOptions {
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly cancel?: boolean;
}

const SNAPSHOT_DONE = {
  start: "A snapshot has begun. `fustor-agent status` shows how far it is.",
  pause: "Paused. Realtime changes go on; so does the snapshot with --resume.",
  resume: "It goes on.",
  cancel: "Cancelled: the receiver gets no end of it. Realtime changes go on.",
} as const;

function snapshotCommand({ pause, resume, cancel }: SnapshotCommandOptions): keyof typeof SNAPSHOT_DONE {
  if (pause === true) return "pause";
  if (resume === true) return "resume";
  return cancel === true ? "cancel" : "start";
}

/** Has a leader send the whole tree anew, or has a say in the snapshot that runs. */
export async function snapshot(pipe: string, options: SnapshotCommandOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const command = snapshotCommand(options);
  const refusal =
    command === "start" ? await requestSnapshot(home, pipe) : await requestSnapshotCommand(home, pipe, command);
  if (refusal === undefined) {
    await terminal.line(SNAPSHOT_DONE[command]);
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
