import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** A request body that was read, or the status and reason to answer with. */
export type BodyOutcome =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "refused"; readonly status: 400 | 413 | 415 | 422; readonly detail: unknown };

/** The client went away before its body was complete. Nobody is left to answer. */
export class ClientGone extends Error {}

const unzip = promisify(gunzip);

/**
 * Reads a JSON body, plain or gzip. Straight from the socket's stream: going through the web streams of a Request would copy
 * every body once more.
 */
export async function readJson(request: IncomingMessage, maxBytes: number): Promise<BodyOutcome> {
  const encoding = (request.headers["content-encoding"] ?? "identity").toLowerCase();
  const packed = await readBytes(request, maxBytes);
  if (packed === undefined) return tooLarge(maxBytes);
  if (encoding !== "identity" && encoding !== "gzip" && encoding !== "x-gzip") {
    return { kind: "refused", status: 415, detail: `Content-Encoding ${encoding} is not supported, use gzip or none` };
  }
  if (!isJson(request.headers["content-type"])) return notJson("the Content-Type must be application/json");
  if (encoding === "identity") return parse(packed);
  try {
    return parse(await unzip(packed, { maxOutputLength: maxBytes }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") return tooLarge(maxBytes);
    return { kind: "refused", status: 400, detail: "The body is not valid gzip" };
  }
}

/** A JSON object, or undefined for anything else: for routes where the body is optional. */
export async function readOptionalObject(
  request: IncomingMessage,
  maxBytes: number,
): Promise<Record<string, unknown> | undefined> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes === undefined || bytes.length === 0) return undefined;
  const outcome = parse(bytes);
  const value = outcome.kind === "json" ? outcome.value : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The bytes, or undefined when there are more than allowed: then the rest is read and thrown away, so that the answer arrives. */
function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else chunks = [];
    });
    request.on("end", () => resolve(size > maxBytes ? undefined : single(chunks)));
    request.on("error", () => reject(new ClientGone()));
    request.on("close", () => reject(new ClientGone()));
  });
}

const single = (chunks: readonly Buffer[]): Buffer =>
  chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);

function parse(bytes: Buffer): BodyOutcome {
  if (bytes.length === 0) return notJson("the body is empty");
  if (!isUtf8(bytes)) return notJson("the body is not UTF-8");
  try {
    return { kind: "json", value: JSON.parse(bytes.toString("utf8")) };
  } catch (error) {
    return notJson(error instanceof Error ? error.message : "the body is not JSON");
  }
}

const isJson = (type: string | undefined): boolean =>
  type !== undefined && /^application\/([\w.-]+\+)?json\b/i.test(type);

const notJson = (msg: string): BodyOutcome => ({
  kind: "refused",
  status: 422,
  detail: [{ type: "json_invalid", loc: ["body"], msg }],
});

const tooLarge = (maxBytes: number): BodyOutcome => ({
  kind: "refused",
  status: 413,
  detail: `The body is larger than ${maxBytes} bytes`,
});
