/**
 * The file system source: one watch engine per root. Live changes and snapshot rows come from the same tree table, so the two agree
 * about what was seen when (see native/src/watch/watch_engine.h).
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Addon } from "../../native/addon.ts";
import { rowChunks } from "../../native/bulk.ts";
import type { NativeScan } from "../../native/scan.ts";
import type { NativeWatch } from "../../native/watch.ts";
import {
  type AuditOptions,
  type BulkRows,
  type CallOptions,
  FustorError,
  type MessageStream,
  type RescanOptions,
  type RowChunk,
  type SnapshotOptions,
  type SourceAvailability,
  type SourceDriver,
  type SourceDriverContext,
  type SourceStatus,
  type SweepCommand,
  type Verified,
} from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";
import { aborted } from "./aborted.ts";
import { Availability, availabilityOf, unavailable } from "./availability.ts";
import { Canary } from "./canary.ts";
import { countedRows } from "./counted-rows.ts";
import { coverageNotes } from "./coverage-notes.ts";
import { FsIndex } from "./fs-index.ts";
import type { FsSourceOptions } from "./fs-options.ts";
import { HangLog } from "./hang-log.ts";
import { type Looker, rowsAt, rowsOfDirectories, rowsOfFirst, verifyKeys } from "./look.ts";
import { ParcelFollower } from "./parcel-follower.ts";
import { loadParcel } from "./parcel-hints.ts";
import { liveBatches } from "./realtime.ts";
import { sourceKey } from "./source-key.ts";
import { Sweeper } from "./sweep/sweeper.ts";
import { filterOf, watchOptions } from "./watch-options.ts";

/** Between two attempts of an engine to begin. */
const RESTART_MS = 5_000;
const STOP_PATIENCE_MS = 2000;
const HAND_OVER_MS = 500;
const ROW_FIELDS = ["path", "file_name", "size", "modified_time", "created_time", "is_directory"] as const;

export class FsSource implements SourceDriver {
  readonly schema = "fs";
  readonly table = "files";
  readonly fields = ROW_FIELDS;
  readonly uri: string;
  readonly #context: SourceDriverContext;
  readonly #options: FsSourceOptions;
  readonly #watch: NativeWatch;
  readonly #looker: Looker;
  readonly #decodes: (key: string) => boolean;
  readonly #readable = new Signal();
  readonly #closed = new AbortController();
  readonly #hangs: HangLog;
  readonly #availability: Availability;
  readonly #sweeper: Sweeper;
  readonly #index: FsIndex;
  /** Raised when the stream has handed over everything that there was. */
  readonly #handedOver = new Signal();
  #hasStreamed = false;
  #hints: ParcelFollower | undefined;
  #canary: Canary | undefined;

  constructor(context: SourceDriverContext, options: FsSourceOptions, addon: Addon) {
    this.#context = context;
    this.#options = options;
    this.uri = options.root;
    const { root, crossMounts, scanThreads: threads, maxPathBytes } = options;
    const rootIdentity = (): string | null => this.#watch.rootIdentity();
    this.#looker = { addon, root, options: { ...filterOf(options), crossMounts, threads, maxPathBytes }, rootIdentity };
    this.#decodes = (key) => addon.decodeName(key) !== null;
    this.#hangs = new HangLog(root, () => this.#watch, context.logger);
    this.#availability = new Availability(root, context.logger);
    const settings = watchOptions(options, context.store?.recall());
    this.#watch = addon.createWatch(root, settings, () => this.#onReadable());
    this.#sweeper = new Sweeper(root, this.#watch, options.sweep, context.logger);
    const keeps = options.startupMode !== "message-only" && options.engine !== "parcel";
    const path = keeps ? context.indexPath : undefined;
    this.#index = new FsIndex({ watch: this.#watch, path, logger: context.logger });
  }

  async open(_options?: CallOptions): Promise<void> {
    const { root, engine, excludePaths, canaryMs } = this.#options;
    this.#context.logger.info({ root, engine }, "watching");
    if (engine === "parcel") {
      await loadParcel();
      this.#hints = this.#followParcel(root, excludePaths);
    }
    await this.#index.load();
    this.#begin();
    this.#sweeper.begin();
    if (canaryMs > 0) this.#canary = new Canary(root, canaryMs, this.#watch, this.#context.logger);
  }

  /** Where the kernel gives the engine nothing to watch with, again and again: other programs may let go of it, or an operator raise the limit. */
  #begin(): void {
    if (this.#closed.signal.aborted || this.#watch.start()) return;
    setTimeout(() => this.#begin(), RESTART_MS).unref();
  }

  #followParcel(root: string, excludePaths: readonly string[]): ParcelFollower {
    const follower = new ParcelFollower(root, excludePaths, this.#watch, this.#context.logger);
    this.onAvailability(({ state }) => follower.turn(state === "available"));
    return follower;
  }

  getMessageIterator(_startPosition: number, { signal }: CallOptions): MessageStream {
    const ended = this.#ended(signal);
    const batches = liveBatches(this.#watch, this.#readable, ended, () => this.#handedOver.raise());
    // Without an index a watch knows nothing of the time before it, and changes that a broken stream had are lost.
    const positionLost = this.#hasStreamed || this.#index.resumedFrom === undefined;
    this.#hasStreamed = true;
    return { batches, positionLost };
  }

  get resumedFrom(): string | undefined {
    return this.#index.resumedFrom;
  }

  freeze(): Promise<string | undefined> {
    return this.#index.rest(async () => {
      if (!this.#hasStreamed) return false;
      const over = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(HAND_OVER_MS)]);
      const handedOver = this.#handedOver.wait(over);
      this.#readable.raise();
      await handedOver;
      return !over.aborted;
    });
  }

  getSnapshotIterator({ signal, ...rows }: SnapshotOptions): BulkRows {
    if (this.#options.startupMode === "message-only") return countedRows(this.#noRows(), 0);
    const chunks = this.#snapshotChunks(() => this.#watch.openSnapshot(rows), this.#ended(signal));
    return countedRows(chunks, this.#expectedRows);
  }

  changedSince(second: number, { signal }: CallOptions): BulkRows {
    if (this.#options.startupMode === "message-only") return countedRows(this.#noRows(), 0);
    const open = (): NativeScan => this.#watch.openChanged({ strongSince: second });
    return countedRows(this.#snapshotChunks(open, this.#ended(signal)), undefined);
  }

  getAuditIterator({ signal, opened, ...rows }: AuditOptions): BulkRows {
    const open = (): NativeScan => this.#watch.openAudit(rows);
    return countedRows(this.#auditChunks(open, opened, this.#ended(signal)), this.#expectedRows);
  }

  scan(asked: string, recursive: boolean, { signal }: CallOptions): BulkRows {
    return countedRows(this.#scanChunks(asked, recursive, this.#ended(signal)), undefined);
  }

  rescan(directories: readonly string[], { signal, opened }: RescanOptions): BulkRows {
    return countedRows(this.#rescanChunks(directories, opened, this.#ended(signal)), undefined);
  }

  async verify(asked: readonly string[], { signal }: CallOptions): Promise<readonly Verified[]> {
    this.#assertAvailable();
    const keys = asked.filter((key) => this.#isKey(key));
    const verified = await verifyKeys(this.#looker, keys, this.#ended(signal));
    for (const { key } of verified) this.#watch.recheck(key, false, false);
    return verified;
  }

  #isKey(asked: string): boolean {
    try {
      return sourceKey(this.#options.root, asked, this.#decodes) === asked;
    } catch {
      return false;
    }
  }

  #ended(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closed.signal]);
  }

  get #expectedRows(): number | undefined {
    return this.#watch.rootState().root === "available" ? this.#watch.status().entries : undefined;
  }

  async *#auditChunks(open: () => NativeScan, opened: Promise<void>, signal: AbortSignal): AsyncGenerator<RowChunk> {
    yield* this.#scanChunks("/", false, signal);
    await Promise.race([opened, aborted(signal)]);
    yield* this.#snapshotChunks(open, signal);
  }

  async *#scanChunks(asked: string, recursive: boolean, signal: AbortSignal): AsyncGenerator<RowChunk> {
    const key = sourceKey(this.#options.root, asked, this.#decodes);
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

  // biome-ignore lint/correctness/useYield: a snapshot without rows, which fails as any other while the root is away
  async *#noRows(): AsyncGenerator<RowChunk> {
    this.#assertAvailable();
  }

  /** What a lost mount held is not there to be listed, and yet nothing of it may be taken for deleted. */
  #assertWhole(): void {
    this.#assertAvailable();
    const { lostMounts, heldDeletes } = this.#watch.status();
    if (lostMounts.length > 0) throw unavailable(this.uri, `what was mounted at ${lostMounts[0]} is gone`);
    if (heldDeletes > 0) throw unavailable(this.uri, "most of the tree is missing");
  }

  async *#snapshotChunks(open: () => NativeScan, signal: AbortSignal): AsyncGenerator<RowChunk> {
    this.#assertAvailable();
    const stream = open();
    try {
      yield* rowChunks(stream, signal);
    } catch (error) {
      throw unavailable(this.uri, "the root went away during the snapshot", error);
    }
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the snapshot was cancelled");
    if (!stream.summary().complete) throw unavailable(this.uri, "the tree could not be read to its end");
  }

  status(): SourceStatus {
    const status = this.#watch.status();
    const { root, reason, ...facts } = status;
    const notes = [...coverageNotes(status, this.#options.maxWatches), ...this.#sweeper.notes()];
    const sweep = this.#sweeper.status();
    const canary = this.#canary === undefined ? {} : { canary: this.#canary.status() };
    const availability = availabilityOf(root, reason);
    return { ...facts, ...canary, sweep, notes, engine: this.#options.engine, availability };
  }

  confirm(): boolean {
    return this.#watch.confirmRoot();
  }

  sweep(command: SweepCommand): boolean {
    return this.#sweeper.command(command);
  }

  onAvailability(listener: (availability: SourceAvailability) => void): () => void {
    return this.#availability.listen(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#availability.close();
    // Both may wait for a file system that does not answer; a stop does not.
    const stopped = Promise.all([this.#canary?.stop(), this.#hints?.stop(), this.#sweeper.close()]);
    await Promise.race([stopped, pause(STOP_PATIENCE_MS, undefined, { ref: false })]);
    await this.#index.save();
    await this.#watch.close();
  }

  /** Asks the engine, whose news of the root may still be on its way to `#onReadable`. */
  #assertAvailable(): void {
    const { root, reason } = this.#watch.rootState();
    if (root === "unavailable") throw unavailable(this.uri, reason);
  }

  #onReadable(): void {
    this.#readable.raise();
    const { root, reason, hangChanges } = this.#watch.rootState();
    this.#hangs.note(hangChanges);
    this.#availability.note(availabilityOf(root, reason), () => {
      this.#rememberRoot();
      this.#logCoverage();
    });
  }

  /** A restart must not take what stands there then, for instance an empty mount point, for the tree of today. */
  #rememberRoot(): void {
    const identity = this.#watch.rootIdentity();
    if (identity !== null) this.#context.store?.remember(identity);
  }

  #logCoverage(): void {
    const { root } = this.#options;
    for (const note of coverageNotes(this.#watch.status(), this.#options.maxWatches))
      this.#context.logger.info({ root }, note);
  }
}
