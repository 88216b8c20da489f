/** Reads the body of an answer to its end, within a bound, and undoes the encodings that nobody asked for. */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from "node:zlib";
import { FustorError } from "../../sdk/index.ts";

export const MAX_ANSWER_BYTES = 1024 * 1024;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

interface RawAnswer {
  readonly statusCode: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Buffer>;
}

const badAnswer = (what: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SENDER_BAD_ANSWER", what, { retryable: true, ...(cause === undefined ? {} : { cause }) });

const tooLong = (source: string): FustorError => badAnswer(`the answer of ${source} is longer than 1 MiB`);

async function readBytes(body: AsyncIterable<Buffer>, source: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.byteLength;
    // Leaving the loop destroys the body and with it the connection.
    if (size > MAX_ANSWER_BYTES) throw tooLong(source);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const BOUND = { maxOutputLength: MAX_ANSWER_BYTES };

/** `deflate` is said of two formats. */
function inflate(bytes: Buffer): Buffer {
  try {
    return inflateSync(bytes, BOUND);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw error;
    return inflateRawSync(bytes, BOUND);
  }
}

const DECODERS: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map([
  ["gzip", (bytes) => gunzipSync(bytes, BOUND)],
  ["x-gzip", (bytes) => gunzipSync(bytes, BOUND)],
  ["deflate", inflate],
  ["br", (bytes) => brotliDecompressSync(bytes, BOUND)],
]);

/** More than these on top of each other are no answer but a trap. */
const MAX_CODINGS = 3;

/** `Content-Encoding` names them in the order in which they were applied. */
export function codingsOf(header: string | string[] | undefined): readonly string[] {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  const names = text.split(",").map((name) => name.trim().toLowerCase());
  return names.filter((name) => name !== "" && name !== "identity");
}

export function decodeBody(bytes: Buffer, header: string | string[] | undefined, source: string): Buffer {
  const codings = codingsOf(header);
  if (bytes.byteLength === 0 || codings.length === 0) return bytes;
  let decoded = bytes;
  for (const coding of codings.toReversed()) {
    const decode = DECODERS.get(coding);
    if (decode === undefined || codings.length > MAX_CODINGS) {
      const names = codings.map((name) => name.replace(/[^\w.-]/g, "?").slice(0, 20)).slice(0, MAX_CODINGS);
      throw badAnswer(
        `the answer of ${source} is encoded as ${names.join(", ")}, which nobody asked for; ` +
          "turn compression off for this route at the proxy or balancer in between",
      );
    }
    try {
      decoded = decode(decoded);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLong(source);
      throw badAnswer(`the answer of ${source} calls itself ${coding}, but is not`, error);
    }
  }
  return decoded;
}

export async function readAnswer(answer: RawAnswer, source: string): Promise<Answered> {
  const bytes = await readBytes(answer.body, source);
  const text = decodeBody(bytes, answer.headers["content-encoding"], source).toString("utf8");
  return { status: answer.statusCode, headers: answer.headers, text };
}
