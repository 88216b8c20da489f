/** The tree as the source's scans see it, with the same filter, and without a watch. */
import type { Addon } from "../../native/addon.ts";
import { rowChunks } from "../../native/bulk.ts";
import type { NativeScan, ScanOptions, ScanSummary } from "../../native/scan.ts";
import { type ComparableTree, FustorError, type Listing, type ListOptions, type TreeEntry } from "../../sdk/index.ts";
import type { FsSourceOptions } from "./fs-options.ts";
import { filterOf } from "./watch-options.ts";

/** Most trees are small, and several scans run at once. */
const CHUNKS = { chunkBytes: 32 * 1024, poolChunks: 2 } as const;
/** A symbolic link stands above the path: what was there is gone. A listing that goes in circles has this code, too. */
const isBelowLink = ({ code, operation }: ScanSummary["errors"][number]): boolean =>
  code === "ELOOP" && operation === "open";

interface DiskRow {
  readonly path: string;
  readonly size: number;
  readonly modified_time: number;
  readonly is_directory: boolean;
}

const NOTHING: Listing = { self: undefined, entries: [], tooMany: false, unknown: new Map(), hasUnnamed: false };

export class DiskTree implements ComparableTree {
  readonly #root: string;
  readonly #addon: Addon;
  readonly #options: ScanOptions;

  constructor(options: FsSourceOptions, addon: Addon) {
    const { root, crossMounts, maxPathBytes, scanNice, scanIoPriority, scanEntriesPerSecond } = options;
    const throttling = { scanNice, scanIoPriority, scanEntriesPerSecond };
    this.#root = root;
    this.#addon = addon;
    this.#options = { ...filterOf(options), ...throttling, ...CHUNKS, crossMounts, maxPathBytes, threads: 1 };
  }

  async list(path: string, options: ListOptions): Promise<Listing> {
    const { signal, depth, takes, limit = Number.POSITIVE_INFINITY } = options;
    if (signal.aborted) throw aborted();
    // A receiver may hold what no name on a disk becomes.
    if (this.#addon.decodeName(path) === null) return NOTHING;
    const levels = depth === undefined || depth === 0 ? {} : { maxDepth: depth };
    const scan = this.#addon.createScan(this.#root, {
      ...this.#options,
      ...levels,
      ...(path === "/" && depth !== 0 ? {} : { paths: [path], recursive: depth !== 0 }),
    });
    const entries: TreeEntry[] = [];
    let self: TreeEntry | undefined;
    try {
      for await (const entry of this.#entries(scan, signal)) {
        if (entry.path === path) self = entry;
        else if (takes?.(entry.path) ?? true) entries.push(entry);
        if (entries.length > limit) return { ...NOTHING, self, tooMany: true };
      }
      return { self, entries, tooMany: false, ...this.#unknown(scan.summary(), path, takes) };
    } finally {
      // A comparison lists thousands of directories between two rounds of the collector.
      scan.close();
    }
  }

  /** Nothing stays open. */
  close = (): Promise<void> => Promise.resolve();

  /** Leaving it early cancels the scan. */
  async *#entries(scan: NativeScan, signal: AbortSignal): AsyncGenerator<TreeEntry> {
    try {
      for await (const chunk of rowChunks(scan, signal)) {
        const { buffer, rowOffsets, rowCount } = chunk;
        const text = Buffer.from(buffer.buffer, buffer.byteOffset, (rowOffsets[rowCount] ?? 1) - 1).toString("utf8");
        chunk.release();
        for (const { path, size, modified_time: modified, is_directory } of JSON.parse(`[${text}]`) as DiskRow[]) {
          yield { path, directory: is_directory, size, modified };
        }
      }
    } catch (cause) {
      throw this.#unavailable(`cannot be read (${(cause as NodeJS.ErrnoException).code ?? "unknown"})`, cause);
    }
    if (signal.aborted) throw aborted();
    if (!scan.summary().complete) throw this.#unavailable("went away while it was read");
  }

  #unknown({ errors, errorsByCode }: ScanSummary, asked: string, takes: ListOptions["takes"]) {
    const unknown = new Map<string, string>();
    for (const error of errors) {
      const { path, code, operation } = error;
      if (isBelowLink(error) || (path !== asked && takes?.(path) === false)) continue;
      unknown.set(path, `${operation}: ${code}`);
    }
    // A scan names the first ones.
    const count = Object.values(errorsByCode).reduce((sum, times) => sum + times, 0);
    return { unknown, hasUnnamed: count > errors.length };
  }

  #unavailable(what: string, cause?: unknown): FustorError {
    return new FustorError("FUSTOR_SOURCE_UNAVAILABLE", `${this.#root} ${what}`, { retryable: true, cause });
  }
}

const aborted = (): FustorError => new FustorError("FUSTOR_ABORTED", "the scan was cancelled");
