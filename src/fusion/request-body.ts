import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ByteBudget } from "./byte-budget.ts";
import { shapeProblem } from "./json-shape.ts";

/** A request body that was read, or the status and reason to answer with. */
export type BodyOutcome =
  | { readonly kind: "json"; readonly value: unknown; readonly bytes: Uint8Array }
  | { readonly kind: "refused"; readonly status: 400 | 413 | 415 | 422 | 503; readonly detail: unknown };

type Refusal = Extract<BodyOutcome, { kind: "refused" }>;

export interface BodyLimits {
  /** The largest body, after decompression. */
  readonly maxBytes: number;
  /** The budget of all bodies that are being read. */
  readonly budget: ByteBudget;
}

/** The client went away before its body was complete, so there is nobody to answer. */
export class ClientGone extends Error {}

/**
 * How much of a body that is too large is read and thrown away, so that the answer arrives. Beyond it the connection
 * breaks.
 */
const MOST_DISCARDED_BYTES = 67_108_864;

/**
 * Reads a JSON body, plain or gzip, straight from the socket's stream: the web streams of a Request would copy every
 * body once more. Check key and session before: from here on a request costs memory.
 */
export async function readJson(request: IncomingMessage, limits: BodyLimits): Promise<BodyOutcome> {
  const encoding = (request.headers["content-encoding"] ?? "identity").toLowerCase();
  const zipped = encoding === "gzip" || encoding === "x-gzip";
  if (!zipped && encoding !== "identity") {
    const detail = `Content-Encoding ${encoding} is not supported, use gzip or none`;
    return refuse(request, { kind: "refused", status: 415, detail });
  }
  if (!isJson(request.headers["content-type"])) {
    return refuse(request, notJson("the Content-Type must be application/json"));
  }
  return readBytes(request, limits, zipped);
}

/** A JSON object, or undefined for anything else: for routes where the body is optional. */
export async function readOptionalObject(
  request: IncomingMessage,
  limits: BodyLimits,
): Promise<Record<string, unknown> | undefined> {
  const outcome = await readBytes(request, limits, false);
  const value = outcome.kind === "json" ? outcome.value : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** The bytes count against the budget until they were parsed. */
async function readBytes(request: IncomingMessage, limits: BodyLimits, zipped: boolean): Promise<BodyOutcome> {
  const held: Held = { chunks: [], bytes: 0 };
  try {
    const refusal = await gather(request, limits, zipped, held);
    if (refusal !== undefined) {
      held.chunks = [];
      return await refuse(request, refusal);
    }
    return parse(held.chunks.length === 1 ? (held.chunks[0] as Buffer) : Buffer.concat(held.chunks));
  } finally {
    limits.budget.give(held.bytes);
  }
}

interface Held {
  chunks: Buffer[];
  /** What this body has taken from the budget. */
  bytes: number;
}

/** Reads to the end of the body, or says why it stopped. */
function gather(
  request: IncomingMessage,
  { maxBytes, budget }: BodyLimits,
  zipped: boolean,
  held: Held,
): Promise<Refusal | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) return Promise.resolve(tooLarge(maxBytes));
  return new Promise((resolve, reject) => {
    const unzip = zipped ? createGunzip({ chunkSize: 65_536 }) : undefined;
    const stream: Readable = unzip === undefined ? request : request.pipe(unzip);
    const settle = (refusal: Refusal | undefined): void => {
      stream.off("data", take);
      if (unzip !== undefined) request.unpipe(unzip);
      unzip?.destroy();
      resolve(refusal);
    };
    const take = (chunk: Buffer): void => {
      if (held.bytes + chunk.length > maxBytes) settle(tooLarge(maxBytes));
      else if (!budget.take(chunk.length)) settle(BUSY);
      else {
        held.bytes += chunk.length;
        held.chunks.push(chunk);
      }
    };
    // The end of a zipped body comes out of the unzipper later than the request is closed.
    const closed = (): void => {
      if (request.complete) return;
      unzip?.destroy();
      reject(new ClientGone());
    };
    if (request.destroyed) closed();
    stream.on("data", take);
    stream.once("end", () => settle(undefined));
    unzip?.once("error", () => settle({ kind: "refused", status: 400, detail: "The body is not valid gzip" }));
    request.once("error", closed);
    request.once("close", closed);
  });
}

/** Lets the client finish, within bounds: one that still sends when its connection is closed never sees the answer. */
function refuse(request: IncomingMessage, refusal: Refusal): Promise<Refusal> {
  if (request.readableEnded || request.destroyed) return Promise.resolve(refusal);
  return new Promise((resolve) => {
    let discarded = 0;
    const done = (): void => resolve(refusal);
    request.on("data", (chunk: Buffer) => {
      discarded += chunk.length;
      if (discarded > MOST_DISCARDED_BYTES) done();
    });
    for (const event of ["end", "close", "error"]) request.once(event, done);
    request.resume();
  });
}

function parse(bytes: Buffer): BodyOutcome {
  if (bytes.length === 0) return notJson("the body is empty");
  if (!isUtf8(bytes)) return notJson("the body is not UTF-8");
  const problem = shapeProblem(bytes);
  if (problem !== undefined) return notJson(problem);
  try {
    return { kind: "json", value: JSON.parse(bytes.toString("utf8")), bytes };
  } catch (error) {
    return notJson(error instanceof Error ? error.message : "the body is not JSON");
  }
}

const isJson = (type: string | undefined): boolean =>
  type !== undefined && /^application\/([\w.-]+\+)?json\b/i.test(type);

const notJson = (msg: string): Refusal => ({
  kind: "refused",
  status: 422,
  detail: [{ type: "json_invalid", loc: ["body"], msg }],
});

const tooLarge = (maxBytes: number): Refusal => ({
  kind: "refused",
  status: 413,
  detail: `The body is larger than ${maxBytes} bytes`,
});

const BUSY: Refusal = {
  kind: "refused",
  status: 503,
  detail: "Too many bodies are under way, send this one again in a moment",
};
