/**
 * Which row counts when rows of several origins have the same path.
 *
 *   realtime   always wins; a delete leaves a tombstone stamped with the logical clock.
 *   the rest   (snapshot, audit, on demand) is ignored unless its row is newer than what is stored.
 *   tombstone  any upsert of that very path is refused until one is dated after the stamp, which lifts it.
 *
 * The delete of a directory takes its subtree along, but its tombstone stands for its own path only.
 */
import { Audit, type AuditDump } from "./audit.ts";
import {
  asRow,
  isDirectory,
  isNumberOrAbsent,
  isSizeOrNone,
  modifiedOf,
  nameOf,
  numberOr,
  pathOf,
  type RawRow,
} from "./fs-row.ts";
import type { FusionClock } from "./fusion-clock.ts";
import type { IngestEvent, MessageSource } from "./ingest-batch.ts";
import { LogicalClock, type LogicalClockDump } from "./logical-clock.ts";
import { Suspects, type SuspectsDump } from "./suspects.ts";
import { FileTree, NONE } from "./tree.ts";
import { MOST_UNKNOWN_SEGMENTS, pathAbove } from "./tree-path.ts";

export interface ArbitrationOptions {
  readonly clock: FusionClock;
  /** How long a file counts as being written after a row that said so. */
  readonly hotFileSeconds: number;
  /** How long a tombstone lives; cleaned at audit ends. */
  readonly tombstoneSeconds: number;
}

/** How many rows were not used since the last reset, by reason. */
export interface RefusedRows {
  /** No object, no path that a file may have, or a member of the wrong kind. */
  malformed: number;
  tombstoned: number;
  outdated: number;
}

export interface ArbitrationDump {
  readonly clock: LogicalClockDump;
  readonly audit: AuditDump;
  readonly suspects: SuspectsDump;
  readonly refused: RefusedRows;
  readonly anyUnannounced: boolean;
  readonly tombstones: readonly (readonly [string, number])[];
  readonly blindDeletions: readonly string[];
}

export class Arbitration {
  readonly tree = new FileTree();
  readonly audit = new Audit(this.tree);
  readonly logicalClock: LogicalClock;
  readonly suspects: Suspects;
  readonly refused: RefusedRows = { malformed: 0, tombstoned: 0, outdated: 0 };
  /** Paths that an audit removed although no realtime row had deleted them. */
  readonly blindDeletions = new Set<string>();
  readonly #tombstones = new Map<string, number>();
  readonly #options: ArbitrationOptions;
  /** Some entry may be marked as unannounced. */
  #anyUnannounced = false;

  constructor(options: ArbitrationOptions) {
    this.#options = options;
    this.logicalClock = new LogicalClock(options.clock);
    this.suspects = new Suspects(this.tree, options.clock, options.hotFileSeconds);
  }

  get tombstones(): number {
    return this.#tombstones.size;
  }

  apply(event: IngestEvent): void {
    if (event.messageSource === "audit") this.audit.start();
    const now = this.logicalClock.now();
    for (const raw of event.rows) {
      const row = asRow(raw);
      const path = row === undefined ? undefined : pathOf(row);
      if (row === undefined || path === undefined || !this.#isSound(row, path)) this.refused.malformed++;
      else if (event.eventType === "delete") this.#delete(row, path, event.messageSource);
      else if (event.messageSource === "realtime") this.#upsertLive(row, path);
      else this.#upsertScanned(row, path, event.messageSource, now);
    }
  }

  /** Removes what the audit did not find. Does nothing when none runs. */
  finishAudit(): void {
    const wasRunning = this.audit.running;
    const now = this.logicalClock.now();
    for (const id of this.audit.finish(now)) {
      if (!this.tree.isLive(id)) continue;
      const path = this.tree.pathOf(id);
      if (this.#tombstones.has(path)) continue;
      this.tree.remove(id);
      this.blindDeletions.add(path);
    }
    if (wasRunning) this.#cleanTombstones(now);
  }

  /** A new session began: the set of seen entries and the blind spots of the session before do not count any more. */
  forgetAudit(): void {
    this.audit.forget();
    this.blindDeletions.clear();
    for (const id of this.unannounced()) this.tree.setUnannounced(id, false);
    this.#anyUnannounced = false;
  }

  /** Ids of the files that only an audit or a scan on demand found. */
  unannounced(): readonly number[] {
    return this.#anyUnannounced ? this.tree.idsWhere((id) => this.tree.isUnannounced(id)) : [];
  }

  reset(): void {
    this.tree.reset();
    this.audit.reset();
    this.logicalClock.reset();
    this.#tombstones.clear();
    this.blindDeletions.clear();
    this.#anyUnannounced = false;
    this.refused.malformed = 0;
    this.refused.tombstoned = 0;
    this.refused.outdated = 0;
  }

  /** All but the tree. */
  dump(): ArbitrationDump {
    return {
      clock: this.logicalClock.dump(),
      audit: this.audit.dump(),
      suspects: this.suspects.dump(),
      refused: { ...this.refused },
      anyUnannounced: this.#anyUnannounced,
      tombstones: [...this.#tombstones],
      blindDeletions: [...this.blindDeletions],
    };
  }

  /** The tree is restored by itself. */
  restore(dump: ArbitrationDump): void {
    this.logicalClock.restore(dump.clock);
    this.audit.restore(dump.audit);
    this.suspects.restore(dump.suspects);
    Object.assign(this.refused, dump.refused);
    this.#anyUnannounced = dump.anyUnannounced;
    for (const [path, stamp] of dump.tombstones) this.#tombstones.set(path, stamp);
    for (const path of dump.blindDeletions) this.blindDeletions.add(path);
  }

  #isSound(row: RawRow, path: string): boolean {
    if (!isNumberOrAbsent(row.modified_time) || !isSizeOrNone(row.size)) return false;
    const above = pathAbove(path, MOST_UNKNOWN_SEGMENTS);
    return above === undefined || this.tree.lookup(above) !== NONE;
  }

  #upsertLive(row: RawRow, path: string): void {
    const modified = modifiedOf(row);
    if (modified !== undefined) this.logicalClock.sample(modified);
    if (this.#isBuried(path, modified)) return;
    const id = this.#write(row, path, modified ?? 0);
    this.audit.touch(id);
    if (row.is_atomic_write === false) this.suspects.add(id);
    else this.suspects.remove(id);
    this.tree.setUnannounced(id, false);
    this.#unmarkDeletion(path);
  }

  #upsertScanned(row: RawRow, path: string, source: MessageSource, now: number): void {
    const modified = modifiedOf(row) ?? 0;
    if (this.#isBuried(path, modified)) return;
    const existing = this.tree.lookup(path);
    if (existing !== NONE && row.audit_skipped !== true && this.tree.modifiedOf(existing) >= modified) {
      if (source === "audit") this.audit.see(existing);
      this.refused.outdated++;
      return;
    }
    if (existing === NONE && source === "audit" && this.#isStaleListing(row)) {
      this.refused.outdated++;
      return;
    }
    const id = this.#write(row, path, modified);
    if (source === "audit") this.audit.see(id);
    this.#unmarkDeletion(path);
    if (source !== "snapshot" && existing === NONE && !this.tree.isDirectory(id)) {
      this.tree.setUnannounced(id, true);
      this.#anyUnannounced = true;
    }
    this.suspects.add(id, now - modified);
  }

  #delete(row: RawRow, path: string, source: MessageSource): void {
    if (path === "/") {
      this.refused.malformed++;
      return;
    }
    const id = this.tree.lookup(path);
    if (source === "realtime") {
      this.#tombstones.set(path, this.logicalClock.now());
      this.#unmarkDeletion(path);
    } else if (id !== NONE && this.tree.modifiedOf(id) > (modifiedOf(row) ?? Number.POSITIVE_INFINITY)) {
      this.refused.outdated++;
      return;
    }
    if (id !== NONE) this.tree.remove(id);
  }

  /** True when a tombstone refuses the row; a row dated after the stamp lifts it. */
  #isBuried(path: string, modified: number | undefined): boolean {
    if (this.#tombstones.size === 0) return false;
    const stamp = this.#tombstones.get(path);
    if (stamp === undefined) return false;
    if (modified === undefined || modified <= stamp) {
      this.refused.tombstoned++;
      return true;
    }
    this.#tombstones.delete(path);
    return false;
  }

  /** The row was listed before its directory last changed, so the file may be gone again. */
  #isStaleListing(row: RawRow): boolean {
    if (typeof row.parent_path !== "string" || typeof row.parent_mtime !== "number") return false;
    const parent = this.tree.lookup(pathOf({ path: row.parent_path }) ?? "/");
    return parent !== NONE && this.tree.modifiedOf(parent) > row.parent_mtime;
  }

  #write(row: RawRow, path: string, modified: number): number {
    const id = this.tree.ensure(path, isDirectory(row), nameOf(row));
    this.tree.setFacts(id, numberOr(row.size, 0), modified, numberOr(row.created_time, 0));
    this.tree.setAuditSkipped(id, row.audit_skipped === true);
    return id;
  }

  #unmarkDeletion(path: string): void {
    if (this.blindDeletions.size > 0) this.blindDeletions.delete(path);
  }

  #cleanTombstones(now: number): void {
    for (const [path, stamp] of this.#tombstones) {
      if (now - stamp > this.#options.tombstoneSeconds) this.#tombstones.delete(path);
    }
  }
}
