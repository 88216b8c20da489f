/**
 * The index of a source: what its watch had reported when the run before ended, in files of the home. The watch reads
 * it before it begins and writes it after it came to rest; while it runs, checkpoints and a journal stand for it
 * (checkpoints.ts). What goes wrong costs a snapshot and nothing else.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { NativeWatch } from "../../native/watch.ts";
import type { Logger } from "../../sdk/index.ts";
import { type CheckpointRules, Checkpoints } from "./checkpoints.ts";

/** A home that does not answer must not keep a source from watching. */
const LOAD_MS = 20_000;
/** A stop has to be over soon: a thread that is at a listing for longer costs the index. */
const REST_MS = 1_000;
const SAVE_MS = 2_000;
/** How often is looked whether a checkpoint is due. */
const TICK_MS = 1_000;

export interface IndexParts {
  readonly watch: NativeWatch;
  /** Absent: nothing is kept. */
  readonly path: string | undefined;
  readonly rules: CheckpointRules;
  readonly logger: Logger;
  /** Default: {@link LOAD_MS}. */
  readonly loadMs?: number;
}

export class FsIndex {
  readonly #parts: IndexParts;
  /** To be written at the end, once everything was handed over. */
  #left: string | undefined;
  #resumedFrom: string | undefined;
  #checkpoints: Checkpoints | undefined;
  #ticks: NodeJS.Timeout | undefined;

  constructor(parts: IndexParts) {
    this.#parts = parts;
  }

  /** The generation that was loaded. */
  get resumedFrom(): string | undefined {
    return this.#resumedFrom;
  }

  /** Before the watch starts. Never rejects. */
  async load(): Promise<void> {
    const { watch, path, rules, logger, loadMs = LOAD_MS } = this.#parts;
    if (path === undefined) return;
    const loading = watch.loadIndex(path);
    const outcome = await Promise.race([loading, pause(loadMs, undefined, { ref: false })]);
    // It comes too late for this run, which must not go on in its journal.
    if (outcome === undefined) void loading.then(() => watch.dropCheckpoints("")).catch(() => undefined);
    const reason = outcome === undefined ? "the disk that it lies on does not answer" : outcome.reason;
    if (outcome !== undefined && reason === "") {
      this.#resumedFrom = outcome.generation;
      // Nobody writes checkpoints, so this one counts once: its journal would grow for as long as the run lasts.
      if (rules.everyMs === 0) await watch.dropCheckpoints("");
      logger.info({ entries: outcome.entries }, "the tree of the last run is known: differences are looked for");
    } else if (reason !== "there is none") {
      logger.warn({ file: path }, `the index of the last run is of no use, so everything is sent: ${reason}`);
    }
  }

  /** Once the watch has started. */
  begin(): void {
    const { watch, path, rules, logger } = this.#parts;
    if (path === undefined || rules.everyMs === 0) return;
    const checkpoints = new Checkpoints({ watch, path, rules, logger, now: () => performance.now() });
    this.#checkpoints = checkpoints;
    this.#ticks = setInterval(() => checkpoints.tick(), Math.min(TICK_MS, rules.everyMs)).unref();
  }

  /** A pipe has noted that its receiver accepted everything up to this mark. */
  kept(mark: string): void {
    this.#checkpoints?.kept(mark);
  }

  /** No further checkpoint begins. */
  end(): void {
    clearInterval(this.#ticks);
    this.#checkpoints?.close();
  }

  /** The watch comes to rest, and everything it saw is handed over. The name of that; undefined when it did not. */
  async rest(handedOver: () => Promise<boolean>): Promise<string | undefined> {
    const { watch, path, logger } = this.#parts;
    if (path === undefined) return undefined;
    this.end();
    if ((await watch.freeze(REST_MS)) && (await handedOver())) this.#left = randomUUID();
    else logger.info({}, "the watch did not come to rest in time: the next start sends everything");
    return this.#left;
  }

  /** After that, before the watch is closed. */
  async save(): Promise<void> {
    const { watch, path, logger } = this.#parts;
    if (path === undefined || this.#left === undefined) return;
    const { reason, entries, bytes } = await watch.saveIndex(path, this.#left, SAVE_MS);
    if (reason === "") logger.info({ entries, bytes }, "what was reported is kept for the next start");
    else logger.info({}, `the next start sends everything: ${reason}`);
  }
}
