/**
 * The rows in bulk of a file system source: out of the watch's table (snapshot, changed rows, audit), or by a look
 * beside it (scan, rescan, verification). Each kind fails as unavailable while the root is away, so that nobody takes
 * what cannot be read for deleted.
 */
import type { Addon } from "../../native/addon.ts";
import { rowChunks } from "../../native/bulk.ts";
import type { NativeScan } from "../../native/scan.ts";
import type { NativeWatch } from "../../native/watch.ts";
import {
  type AuditOptions,
  type BulkRows,
  type CallOptions,
  FustorError,
  type RescanOptions,
  type RowChunk,
  type SnapshotOptions,
  type Verified,
} from "../../sdk/index.ts";
import { aborted } from "./aborted.ts";
import { unavailable } from "./availability.ts";
import { countedRows } from "./counted-rows.ts";
import type { FsSourceOptions } from "./fs-options.ts";
import { type Looker, rowsAt, rowsOfDirectories, rowsOfFirst, verifyKeys } from "./look.ts";
import { sourceKey } from "./source-key.ts";
import { filterOf } from "./watch-options.ts";

export interface FsRowsParts {
  readonly options: FsSourceOptions;
  readonly addon: Addon;
  readonly watch: NativeWatch;
  /** Of the source: ends every stream. */
  readonly closed: AbortSignal;
}

export class FsRows {
  readonly #root: string;
  readonly #watch: NativeWatch;
  readonly #closed: AbortSignal;
  readonly #sendsSnapshots: boolean;
  readonly #looker: Looker;
  readonly #decodes: (key: string) => boolean;

  constructor({ options, addon, watch, closed }: FsRowsParts) {
    const { root, crossMounts, scanThreads: threads, maxPathBytes, startupMode } = options;
    this.#root = root;
    this.#watch = watch;
    this.#closed = closed;
    this.#sendsSnapshots = startupMode !== "message-only";
    const look = { ...filterOf(options), crossMounts, threads, maxPathBytes };
    this.#looker = { addon, root, options: look, rootIdentity: () => watch.rootIdentity() };
    this.#decodes = (key) => addon.decodeName(key) !== null;
  }

  snapshot({ signal, ...rows }: SnapshotOptions): BulkRows {
    if (!this.#sendsSnapshots) return countedRows(this.#noRows(), 0);
    const chunks = this.#tableChunks(() => this.#watch.openSnapshot(rows), this.#ended(signal));
    return countedRows(chunks, this.#expectedRows);
  }

  changedSince(second: number, { signal }: CallOptions): BulkRows {
    if (!this.#sendsSnapshots) return countedRows(this.#noRows(), 0);
    const open = (): NativeScan => this.#watch.openChanged({ strongSince: second });
    return countedRows(this.#tableChunks(open, this.#ended(signal)), undefined);
  }

  audit({ signal, opened, ...rows }: AuditOptions): BulkRows {
    const open = (): NativeScan => this.#watch.openAudit(rows);
    return countedRows(this.#auditChunks(open, opened, this.#ended(signal)), this.#expectedRows);
  }

  scan(asked: string, recursive: boolean, { signal }: CallOptions): BulkRows {
    return countedRows(this.#scanChunks(asked, recursive, this.#ended(signal)), undefined);
  }

  rescan(directories: readonly string[], { signal, opened }: RescanOptions): BulkRows {
    return countedRows(this.#rescanChunks(directories, opened, this.#ended(signal)), undefined);
  }

  /** The watch looks at what was asked for, too, so that it reports what it had missed. */
  async verify(asked: readonly string[], { signal }: CallOptions): Promise<readonly Verified[]> {
    this.#assertAvailable();
    const keys = asked.filter((key) => this.#isKey(key));
    const verified = await verifyKeys(this.#looker, keys, this.#ended(signal));
    for (const { key } of verified) this.#watch.recheck(key, false, false);
    return verified;
  }

  #isKey(asked: string): boolean {
    try {
      return sourceKey(this.#root, asked, this.#decodes) === asked;
    } catch {
      return false;
    }
  }

  #ended(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed]);
  }

  get #expectedRows(): number | undefined {
    return this.#watch.rootState().root === "available" ? this.#watch.status().entries : undefined;
  }

  // biome-ignore lint/correctness/useYield: a snapshot without rows, which fails as any other while the root is away
  async *#noRows(): AsyncGenerator<RowChunk> {
    this.#assertAvailable();
  }

  async *#tableChunks(open: () => NativeScan, signal: AbortSignal): AsyncGenerator<RowChunk> {
    this.#assertAvailable();
    const stream = open();
    try {
      yield* rowChunks(stream, signal);
    } catch (error) {
      throw unavailable(this.#root, "the root went away during the snapshot", error);
    }
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the snapshot was cancelled");
    if (!stream.summary().complete) throw unavailable(this.#root, "the tree could not be read to its end");
  }

  /** The root's own row opens the audit at the receiver; the others follow once that was accepted. */
  async *#auditChunks(open: () => NativeScan, opened: Promise<void>, signal: AbortSignal): AsyncGenerator<RowChunk> {
    yield* this.#scanChunks("/", false, signal);
    await Promise.race([opened, aborted(signal)]);
    yield* this.#tableChunks(open, signal);
  }

  async *#scanChunks(asked: string, recursive: boolean, signal: AbortSignal): AsyncGenerator<RowChunk> {
    const key = sourceKey(this.#root, asked, this.#decodes);
    this.#assertAvailable();
    yield* rowsAt(this.#looker, key, recursive, signal);
  }

  async *#rescanChunks(
    directories: readonly string[],
    opened: Promise<void>,
    signal: AbortSignal,
  ): AsyncGenerator<RowChunk> {
    this.#assertWhole();
    // None is there: each look was at the root that is watched, and so it is true if that is still whole.
    if (!(yield* rowsOfFirst(this.#looker, directories, signal))) return this.#assertWhole();
    await Promise.race([opened, aborted(signal)]);
    yield* rowsOfDirectories(this.#looker, directories, signal);
    this.#assertWhole();
  }

  /** What a lost mount held is not there to be listed, and yet nothing of it may be taken for deleted. */
  #assertWhole(): void {
    this.#assertAvailable();
    const { lostMounts, heldDeletes } = this.#watch.status();
    if (lostMounts.length > 0) throw unavailable(this.#root, `what was mounted at ${lostMounts[0]} is gone`);
    if (heldDeletes > 0) throw unavailable(this.#root, "most of the tree is missing");
  }

  /** Asks the engine, whose news of the root may still be on its way to the source. */
  #assertAvailable(): void {
    const { root, reason } = this.#watch.rootState();
    if (root === "unavailable") throw unavailable(this.#root, reason);
  }
}
