import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { start } from "./start.ts";
import { stop } from "./stop.ts";

/** Stops the agent of this home, if one runs, and starts it in the background. */
export async function restart(names: readonly string[], verbose: boolean, terminal: Terminal): Promise<number> {
  const stopped = await stop(undefined, terminal);
  return stopped === EXIT.done ? start(names, { daemon: true, verbose }, terminal) : stopped;
}
