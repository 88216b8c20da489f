/** Requests to the agent that served the page. Texts of the agent become text, never markup. */
import { token } from "./token.ts";

export class Refused extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const LONG_MS = 600_000;
const SHORT_MS = 4000;

const headers = (): Record<string, string> => (token.value === "" ? {} : { authorization: `Bearer ${token.value}` });

async function refusalOf(answer: Response): Promise<Refused> {
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new Refused(answer.status, error.code, error.message);
  } catch {
    return new Refused(answer.status, "", text.trim() || String(answer.status));
  }
}

export async function get<T>(path: string, timeoutMs = SHORT_MS): Promise<T> {
  const answer = await fetch(path, { cache: "no-store", headers: headers(), signal: AbortSignal.timeout(timeoutMs) });
  if (!answer.ok) throw await refusalOf(answer);
  return (await answer.json()) as T;
}

export async function post<T>(path: string): Promise<T> {
  const signal = AbortSignal.timeout(LONG_MS);
  const answer = await fetch(path, { method: "POST", cache: "no-store", headers: headers(), signal });
  if (!answer.ok) throw await refusalOf(answer);
  return (await answer.json()) as T;
}

export interface ServerEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const memberOf = (block: string, name: string): string | undefined =>
  block
    .split("\n")
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2);

/** Server-sent events, read with the token in the header, which `EventSource` cannot send. */
export async function* events(path: string, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const answer = await fetch(path, { cache: "no-store", headers: headers(), signal });
  if (!answer.ok || answer.body === null) throw await refusalOf(answer);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const [event, data] = [memberOf(block, "event"), memberOf(block, "data")];
      if (event !== undefined && data !== undefined) yield { event, data: JSON.parse(data) as ServerEvent["data"] };
    }
  }
}
