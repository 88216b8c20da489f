/** Server-sent events of the admin API over the control socket, for the commands. */
import type { IncomingMessage } from "node:http";
import { describeError, FustorError } from "../../sdk/index.ts";
import { findAddress } from "./control-address.ts";
import { connect, NOBODY, stopped, textOf } from "./control-connection.ts";

export interface ControlEvent {
  readonly event: string;
  /** One line of JSON. */
  readonly data: string;
}

/** The agent says something every 2 s. */
const SILENCE_MS = 15_000;
const MOST_REFUSAL_BYTES = 10_000;

async function refusalText(response: IncomingMessage): Promise<string> {
  try {
    return String(
      (JSON.parse(await textOf(response, MOST_REFUSAL_BYTES)) as { error: { message: unknown } }).error.message,
    );
  } catch {
    return `the agent answered ${response.statusCode}`;
  }
}

const memberOf = (block: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];

/**
 * Until the signal aborts, or the agent ends the stream. Throws FUSTOR_AGENT_STOPPED when no agent runs, else
 * FUSTOR_INTERNAL with what the agent says.
 */
export async function* controlEvents(home: string, path: string, signal: AbortSignal): AsyncGenerator<ControlEvent> {
  const socketPath = await findAddress(home);
  if (socketPath === undefined) throw stopped(home);
  try {
    const response = await connect({ socketPath, path, timeoutMs: SILENCE_MS, signal });
    if (response.statusCode !== 200) throw new FustorError("FUSTOR_INTERNAL", await refusalText(response));
    let rest = "";
    for await (const part of response.setEncoding("utf8")) {
      const blocks = (rest + String(part)).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const [event, data] = [memberOf(block, "event"), memberOf(block, "data")];
        if (event !== undefined && data !== undefined) yield { event, data };
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof FustorError) throw error;
    const { code = "" } = error as NodeJS.ErrnoException;
    if (NOBODY.has(code)) throw stopped(home);
    throw new FustorError("FUSTOR_INTERNAL", `the stream broke off: ${describeError(error)}`);
  }
}
