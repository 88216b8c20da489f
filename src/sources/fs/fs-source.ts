/**
 * The file system source: one watch engine per root, from which come both realtime changes and rows in bulk
 * ({@link FsRows}). They come from the same tree table, so the two agree about what was seen when (see
 * native/src/watch/watch_engine.h).
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Addon } from "../../native/addon.ts";
import type { NativeWatch } from "../../native/watch.ts";
import type {
  AuditOptions,
  BulkRows,
  CallOptions,
  MessageStream,
  RescanOptions,
  SnapshotOptions,
  SourceAvailability,
  SourceDriver,
  SourceDriverContext,
  SourceStatus,
  SweepCommand,
  Verified,
} from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";
import { Availability, availabilityOf } from "./availability.ts";
import { Canary } from "./canary.ts";
import { coverageCures, coverageNotes } from "./coverage-notes.ts";
import { FsIndex } from "./fs-index.ts";
import type { FsSourceOptions } from "./fs-options.ts";
import { FsRows } from "./fs-rows.ts";
import { HangLog } from "./hang-log.ts";
import { ParcelFollower } from "./parcel-follower.ts";
import { loadParcel } from "./parcel-hints.ts";
import { liveBatches } from "./realtime.ts";
import { Sweeper } from "./sweep/sweeper.ts";
import { watchOptions } from "./watch-options.ts";

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
  /** Absent without checkpoints: then pipes note nothing for a run that follows a kill. */
  readonly kept?: (mark: string) => void;
  readonly #context: SourceDriverContext;
  readonly #options: FsSourceOptions;
  readonly #watch: NativeWatch;
  readonly #rows: FsRows;
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
    const { root } = options;
    this.#hangs = new HangLog(root, () => this.#watch, context.logger);
    this.#availability = new Availability(root, context.logger);
    const settings = watchOptions(options, context.store?.recall());
    this.#watch = addon.createWatch(root, settings, () => this.#onReadable());
    this.#rows = new FsRows({ options, addon, watch: this.#watch, closed: this.#closed.signal });
    this.#sweeper = new Sweeper(root, this.#watch, options.sweep, context.logger);
    const keeps = options.startupMode !== "message-only" && options.engine !== "parcel";
    const path = keeps ? context.indexPath : undefined;
    this.#index = new FsIndex({ watch: this.#watch, path, rules: options.checkpoints, logger: context.logger });
    if (options.checkpoints.everyMs > 0) this.kept = (mark) => this.#index.kept(mark);
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
    this.#index.begin();
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
    const ended = AbortSignal.any([signal, this.#closed.signal]);
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

  getSnapshotIterator(options: SnapshotOptions): BulkRows {
    return this.#rows.snapshot(options);
  }

  changedSince(second: number, options: CallOptions): BulkRows {
    return this.#rows.changedSince(second, options);
  }

  getAuditIterator(options: AuditOptions): BulkRows {
    return this.#rows.audit(options);
  }

  scan(asked: string, recursive: boolean, options: CallOptions): BulkRows {
    return this.#rows.scan(asked, recursive, options);
  }

  rescan(directories: readonly string[], options: RescanOptions): BulkRows {
    return this.#rows.rescan(directories, options);
  }

  verify(asked: readonly string[], options: CallOptions): Promise<readonly Verified[]> {
    return this.#rows.verify(asked, options);
  }

  status(): SourceStatus {
    const status = this.#watch.status();
    const { root, reason, ...facts } = status;
    const notes = [...coverageNotes(status, this.#options.maxWatches), ...this.#sweeper.notes()];
    const cures = coverageCures(status, this.#options.maxWatches);
    const sweep = this.#sweeper.status();
    const canary = this.#canary === undefined ? {} : { canary: this.#canary.status() };
    const availability = availabilityOf(root, reason);
    return { ...facts, ...canary, sweep, notes, cures, engine: this.#options.engine, availability };
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
    this.#index.end();
    this.#availability.close();
    // Both may wait for a file system that does not answer; a stop does not.
    const stopped = Promise.all([this.#canary?.stop(), this.#hints?.stop(), this.#sweeper.close()]);
    await Promise.race([stopped, pause(STOP_PATIENCE_MS, undefined, { ref: false })]);
    await this.#index.save();
    await this.#watch.close();
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
