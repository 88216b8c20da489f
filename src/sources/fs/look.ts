/** A look at parts of the tree beside the watch: what Fusion or a user asks for by path. The system calls run on the scan's own threads. */
import type { Addon } from "../../native/addon.ts";
import { rowChunks } from "../../native/bulk.ts";
import type { NativeScan, ScanOptions, ScanSummary } from "../../native/scan.ts";
import { FustorError, type RowChunk, type Verified } from "../../sdk/index.ts";

export interface Looker {
  readonly addon: Addon;
  readonly root: string;
  readonly options: ScanOptions;
  /** What the watch knows as its root; null before it has found one. */
  readonly rootIdentity: () => string | null;
}

/** Most of what a look at many paths can tell apart, see ScanSummary.errors. */
const MOST_ERRORS = 100;

const failure = (root: string, what: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${root}: ${what}`, { retryable: true, cause });

/** What is looked at is what the watch watches: another directory in the root's place fails the scan. */
function begin({ addon, root, options, rootIdentity }: Looker, own: ScanOptions): NativeScan {
  const identity = rootIdentity();
  return addon.createScan(root, { ...options, ...own, ...(identity === null ? {} : { rootIdentity: identity }) });
}

function unreadable(root: string, error: unknown): FustorError {
  const another = (error as NodeJS.ErrnoException).code === "ESTALE";
  return failure(root, another ? "another directory stands at the root" : "the root cannot be read", error);
}

/** The rows of one key. Throws FUSTOR_SOURCE_PATH_REFUSED when a symbolic link stands above it, FUSTOR_ABORTED when cancelled. */
export async function* rowsAt(
  looker: Looker,
  key: string,
  recursive: boolean,
  signal: AbortSignal,
): AsyncGenerator<RowChunk> {
  const { root } = looker;
  const scan = begin(looker, { ...(recursive ? {} : { threads: 1 }), paths: [key], recursive });
  try {
    yield* rowChunks(scan, signal);
  } catch (error) {
    throw unreadable(root, error);
  }
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the scan was cancelled");
  const summary = scan.summary();
  const own = summary.errors.find(({ path }) => path === key);
  if (own?.code === "ELOOP") {
    throw new FustorError("FUSTOR_SOURCE_PATH_REFUSED", `${key} is refused: it leads through a symbolic link`);
  }
  if (own !== undefined) throw failure(root, `${key} cannot be read (${own.code})`);
  if (!summary.complete) throw failure(root, "the root went away during the scan");
}

/** The row of the first of these directories that is there; false when none is. */
export async function* rowsOfFirst(
  looker: Looker,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<RowChunk, boolean> {
  for (const key of keys) {
    let found = false;
    for await (const chunk of directoryRows(looker, [key], false, signal)) {
      found ||= chunk.rowCount > 0;
      yield chunk;
    }
    if (found) return true;
  }
  return false;
}

/** The rows of these directories, then those of their children. */
export const rowsOfDirectories = (
  looker: Looker,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<RowChunk> => directoryRows(looker, keys, true, signal);

async function* directoryRows(
  looker: Looker,
  paths: readonly string[],
  listed: boolean,
  signal: AbortSignal,
): AsyncGenerator<RowChunk> {
  const { root } = looker;
  const scan = begin(looker, { threads: 1, paths, recursive: listed, maxDepth: 1 });
  try {
    yield* rowChunks(scan, signal);
  } catch (error) {
    throw unreadable(root, error);
  }
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the rescan was cancelled");
  const { complete, errors, errorsByCode } = scan.summary();
  // A link that stands above a directory now leads elsewhere: the directory is gone.
  const failures = Object.entries(errorsByCode).filter(([code, times]) => code !== "ELOOP" && times > 0);
  const first = errors.find(({ code }) => code !== "ELOOP");
  if (failures.length > 0) throw failure(root, `${first?.path ?? "a directory"} cannot be read (${failures[0]?.[0]})`);
  if (!complete) throw failure(root, "the root went away during the rescan");
}

/** The rows of these keys, by key. */
async function rowsByKey(
  scan: NativeScan,
  root: string,
  signal: AbortSignal,
): Promise<Map<string, Record<string, unknown>>> {
  const found = new Map<string, Record<string, unknown>>();
  const decoder = new TextDecoder();
  try {
    for await (const chunk of rowChunks(scan, signal)) {
      const end = (chunk.rowOffsets[chunk.rowCount] as number) - 1;
      for (const row of JSON.parse(`[${decoder.decode(chunk.buffer.subarray(0, end))}]`) as Record<string, unknown>[]) {
        found.set(String(row.path), row);
      }
      chunk.release();
    }
  } catch (error) {
    throw unreadable(root, error);
  }
  return found;
}

/** What can be said about each key; nothing about those that could not be looked at. */
export async function verifyKeys(looker: Looker, keys: readonly string[], signal: AbortSignal): Promise<Verified[]> {
  if (keys.length === 0) return [];
  const { root } = looker;
  const scan = begin(looker, { threads: 1, paths: keys, recursive: false });
  const found = await rowsByKey(scan, root, signal);
  const summary = scan.summary();
  if (signal.aborted || !summary.complete) throw failure(root, "the paths could not be looked at");
  const unknown = new Set(summary.errors.map(({ path }) => path));
  const tellsAll = countOf(summary) < MOST_ERRORS;
  return keys.flatMap((key): Verified[] => {
    const row = found.get(key);
    if (row !== undefined) return [{ key, exists: true, row }];
    return tellsAll && !unknown.has(key) ? [{ key, exists: false }] : [];
  });
}

const countOf = ({ errorsByCode }: ScanSummary): number => Object.values(errorsByCode).reduce((a, b) => a + b, 0);
