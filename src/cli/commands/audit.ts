import { setTimeout as pause } from "node:timers/promises";
import { fetchStatus, requestSweep } from "../../agent/control/control-client.ts";
import { resolveHome } from "../../config/home.ts";
import { omitUndefined, type SweepCommand, type SweepFacts, type SweepMode } from "../../sdk/index.ts";
import { EXIT } from "../exit-codes.ts";
import { StatusLine } from "../status-line.ts";
import { endedText, progressText } from "../sweep-text.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export interface AuditCommandOptions {
  readonly mode?: SweepMode;
  readonly wait?: boolean;
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly cancel?: boolean;
}

const POLL_MS = 250;

function commandOf(options: AuditCommandOptions): SweepCommand {
  if (options.pause === true) return { kind: "pause" };
  if (options.resume === true) return { kind: "resume" };
  if (options.cancel === true) return { kind: "cancel" };
  return omitUndefined({ kind: "start", mode: options.mode } as const);
}

const DONE = { start: "A sweep has begun.", pause: "Paused.", resume: "It goes on.", cancel: "Cancelled." } as const;

/** Begins a sweep of a pipe's source, or has a say in the one that runs. */
export async function audit(pipe: string, options: AuditCommandOptions, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const command = commandOf(options);
  const { known, done } = await requestSweep(home, pipe, command);
  if (!known) {
    await terminal.complain(`fustor-agent: no pipe ${JSON.stringify(pipe)} runs`);
    return EXIT.failure;
  }
  if (!done) {
    const why = command.kind === "start" ? "a sweep runs already, or its root is not there" : "no sweep runs";
    await terminal.complain(`fustor-agent: ${pipe}: ${why}`);
    return EXIT.failure;
  }
  if (options.wait === true) return waitForEnd(home, pipe, terminal);
  await terminal.line(DONE[command.kind]);
  return EXIT.done;
}

async function sweepOf(home: string, pipe: string): Promise<SweepFacts | undefined> {
  const { pipes, sources } = await fetchStatus(home);
  const source = pipes.find(({ id }) => id === pipe)?.source;
  const status = sources.find(({ ids }) => source !== undefined && ids.includes(source))?.status;
  return status?.sweep as SweepFacts | undefined;
}

async function waitForEnd(home: string, pipe: string, terminal: Terminal): Promise<number> {
  const line = new StatusLine(terminal);
  const begun = await sweepOf(home, pipe);
  let now = begun;
  while (now !== undefined && now.state !== "idle" && now.number === begun?.number) {
    // Where lines stay, only the end is worth one.
    if (terminal.isInteractive && now.progress !== undefined) await line.show(progressText(now.state, now.progress));
    await pause(POLL_MS);
    now = await sweepOf(home, pipe);
  }
  await line.end();
  const last = now?.last;
  if (last === undefined) {
    await terminal.complain(`fustor-agent: the pipe ${JSON.stringify(pipe)} ended before its sweep`);
    return EXIT.failure;
  }
  await terminal.line(endedText(last));
  for (const path of last.corruptedPaths)
    await terminal.line(`other contents under unchanged times: ${printable(path)}`);
  const isWhole = last.outcome === "complete" && last.skipped === 0;
  return isWhole && last.corrupted === 0 ? EXIT.done : EXIT.failure;
}
