/** The engine alone, without bus, pipe or receiver: what `fustor-agent scan` and `fustor-agent watch` show. */
import type { Stats } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { loadAddon } from "../../native/load.ts";
import type { FilterOptions, ScanSummary } from "../../native/scan.ts";
import type { NativeWatch } from "../../native/watch.ts";
import { type Change, FustorError, hasLostBytes, LOST_BYTES } from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";

export interface InspectOptions extends FilterOptions {
  /** 0 = number of cores. */
  readonly threads?: number;
}

/**
 * The directory as an absolute path. Links in it stay as they are written: one may be pointed elsewhere later, and what
 * a link below /proc/PID leads to has no other name here. Throws FUSTOR_SOURCE_UNAVAILABLE.
 */
export async function inspectableRoot(directory: string): Promise<string> {
  const unavailable = (what: string, cause?: unknown): FustorError =>
    new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${directory}: ${what}`, { cause });
  try {
    const wanted = await stat(directory);
    if (wanted.isDirectory()) return await absolutePath(directory, wanted);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT" && hasLostBytes(directory)) throw unavailable(`the path ${LOST_BYTES.join(": ")}`);
    throw unavailable(code === "ENOENT" ? "no such directory" : `cannot be read (${code})`);
  }
  throw unavailable("not a directory");
}

/**
 * `..` behind a link leads to where the link's target lies, which is not what is left when it is struck out of the
 * text.
 */
async function absolutePath(directory: string, wanted: Stats): Promise<string> {
  for (const path of [resolve(directory), await realpath(directory)]) {
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && found.ino === wanted.ino && found.dev === wanted.dev) return path;
  }
  return isAbsolute(directory) ? directory : `${process.cwd()}/${directory}`;
}

/** Rows as JSON objects separated by single commas; valid until the consumer asks for the next chunk. */
export interface ScannedRows {
  readonly rowCount: number;
  readonly buffer: Uint8Array;
  /** As RowChunk.rowOffsets. The bytes between the rows may be overwritten. */
  readonly rowOffsets: Uint32Array;
}

export interface RunningScan {
  readonly chunks: AsyncIterable<ScannedRows>;
  summary(): ScanSummary;
}

export function scanTree(root: string, options: InspectOptions, signal: AbortSignal): RunningScan {
  const scan = loadAddon().createScan(root, options);
  const cancel = (): void => scan.cancel();
  async function* chunks(): AsyncGenerator<ScannedRows> {
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      for (let chunk = await scan.next(); chunk !== null; chunk = await scan.next()) {
        try {
          yield chunk;
        } finally {
          scan.release(chunk.slot);
        }
      }
    } finally {
      signal.removeEventListener("abort", cancel);
      scan.cancel();
    }
  }
  return { chunks: chunks(), summary: () => scan.summary() };
}

export type WatchItem =
  /** Every directory is armed: from here on nothing is missed. Comes once, before any change. */
  | { readonly kind: "ready" }
  | { readonly kind: "changes"; readonly changes: readonly Change[] }
  /** JSON lines of kernel events. */
  | { readonly kind: "raw"; readonly lines: Uint8Array }
  | { readonly kind: "root"; readonly available: boolean; readonly reason: string };

export interface WatchTreeOptions extends InspectOptions {
  readonly raw?: boolean;
}

/** After the signal, how long the engine has to be quiet until what it knew is all out, and how long that may take. */
const QUIET_MS = 150;
const FLUSH_LIMIT_MS = 5000;
const STARTING_POLL_MS = 20;

/** Until the signal is raised, aborted, or the time is over. */
async function waitFor(signal: Signal, abort: AbortSignal, limitMs: number): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), limitMs);
  await signal.wait(AbortSignal.any([abort, late.signal]));
  clearTimeout(timer);
}

function* drainAll(watch: NativeWatch, raw: boolean): Generator<WatchItem> {
  for (;;) {
    if (raw) {
      const lines = watch.drainRaw();
      if (lines === null) return;
      yield { kind: "raw", lines };
    } else {
      const batch = watch.drain();
      if (batch === null) return;
      yield { kind: "changes", changes: JSON.parse(batch.json.toString("utf8")) as Change[] };
    }
  }
}

/** What happened before the signal comes out after it: until the engine has nothing in its queues and stays silent. */
async function* flush(watch: NativeWatch, raw: boolean): AsyncGenerator<WatchItem> {
  const limit = performance.now() + FLUSH_LIMIT_MS;
  let quietSince = performance.now();
  while (performance.now() < limit) {
    let quiet = watch.status().queueDepth === 0;
    for (const item of drainAll(watch, raw)) {
      quiet = false;
      yield item;
    }
    const now = performance.now();
    if (!quiet) quietSince = now;
    else if (now - quietSince >= QUIET_MS) return;
    await pause(10);
  }
}

/** Changes below `root` until the signal; what had happened by then still comes. */
export async function* watchTree(
  root: string,
  options: WatchTreeOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchItem> {
  const raw = options.raw ?? false;
  const readable = new Signal();
  const watch = loadAddon().createWatch(root, options, () => readable.raise());
  let known: "starting" | "available" | "unavailable" = "starting";
  let ready = false;
  try {
    watch.start();
    while (!signal.aborted) {
      const status = watch.rootState();
      if (!ready && status.root === "available") {
        ready = true;
        yield { kind: "ready" };
      } else if (status.root !== known && status.root !== "starting") {
        yield { kind: "root", available: status.root === "available", reason: status.reason };
      }
      known = status.root;
      if (ready) yield* drainAll(watch, raw);
      // The engine calls again only after it was drained, which has to wait until `ready` is out: until then look now and then.
      if (ready) await readable.wait(signal);
      else await waitFor(readable, signal, STARTING_POLL_MS);
    }
    if (ready) yield* flush(watch, raw);
  } finally {
    await watch.close();
  }
}
