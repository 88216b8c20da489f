/** One request over the control socket, up to the head of its answer; what commands and streams do alike. */
import { type IncomingMessage, request } from "node:http";
import { FustorError } from "../../sdk/index.ts";

export interface ControlRequest {
  readonly socketPath: string;
  /** Default GET. */
  readonly method?: string;
  /** Below `/api/v1`. */
  readonly path: string;
  /** The longest time in which no byte comes. */
  readonly timeoutMs: number;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** ENOTDIR: the home is a file. */
export const NOBODY: ReadonlySet<string> = new Set(["ENOENT", "ENOTDIR", "ECONNREFUSED", "ENOTSOCK"]);

export const stopped = (home: string): FustorError =>
  new FustorError("FUSTOR_AGENT_STOPPED", `no agent is running on ${home}`);

export function connect({ path, timeoutMs, body, ...rest }: ControlRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...rest, path: `/api/v1${path}`, timeout: timeoutMs, agent: false }, resolve);
    outgoing.on("timeout", () => outgoing.destroy(new Error(`nothing came within ${timeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** The whole of an answer. Rejects, and reads no further, when it is longer. */
export async function textOf(response: IncomingMessage, mostBytes: number): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.byteLength;
    if (size > mostBytes) throw new Error(`the answer is longer than ${mostBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
