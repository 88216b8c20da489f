/**
 * Paths that were deleted and exist again.
 *
 * Fusion keeps a tombstone for every path whose delete it got, and refuses later upserts of that path unless their
 * modification time lies after the moment it processed the delete: a restored file, a file created a moment after the
 * delete and many others would stay invisible. What lifts a tombstone is a snapshot row dated far ahead, and what puts
 * the true values in its place is a realtime row, which always wins. Both have to be in one POST, in this order.
 *
 * So every key whose delete was sent is remembered, from the first attempt on (an attempt whose answer was lost may
 * have been processed), until a lifted row was accepted. The tombstone of a deleted directory covers its own path
 * only.
 *
 * Bounds: beyond 200,000 keys they collapse into their directories, which stay for good (nobody knows any more which
 * keys were meant); beyond 200,000 directories every upsert is sent in the lifting form, at twice its size.
 *
 * Rows in bulk: a snapshot row of a remembered key that was read after the delete is sent in the lifting form too.
 * Mostly a live change carries the same news, but after a loss of changes the snapshot is the only one that does, and a
 * plain row would be refused. The set outlives the process through {@link DeletedStore}: a view that was reset in
 * between makes the lifting form superfluous, never wrong.
 */
import type { Change, Row } from "../../sdk/index.ts";
import type { DeletedStore } from "../../sdk/state-store.ts";
import { directoryOf, KeyTable } from "../key-table.ts";

const ROOT = "/";
const MAX_REMEMBERED = 200_000;
/**
 * Fusion keeps a tombstone for an hour and drops it at the first end of an audit after that. The second hour is for
 * deletes of others that Fusion processes late, and for clocks that differ. Should a tombstone live longer all the
 * same, then the next audit lifts what lies under it: a row whose modification time is older than its change.
 */
const OTHERS_SECONDS = 2 * 3600;

/** Whether rows of this kind can be lifted, and need to be. */
export const isLiftable = (row: Row): boolean => typeof row.modified_time === "number";

/** Which rows in bulk have to be sent in the lifting form. */
export interface TombstonesInBulk {
  /** No row needs a look. */
  isEmpty(): boolean;
  /** Whether any row in this directory may need the lifting form. */
  concerns(directory: string): boolean;
  /** Whether this row, read at that sequence, does. */
  needsInBulk(key: string, groupSequence: number): boolean;
}

export class Tombstones implements TombstonesInBulk {
  readonly #deleted = new KeyTable();
  readonly #collapsed = new Set<string>();
  readonly #limit: number;
  readonly #store: DeletedStore | undefined;
  #everything = false;
  #othersUntil = Number.NEGATIVE_INFINITY;

  constructor(limit = MAX_REMEMBERED, store?: DeletedStore) {
    this.#limit = limit;
    this.#store = store;
  }

  /** Takes over what earlier runs left; before anything else. False when that could not be read. Never rejects. */
  async load(): Promise<boolean> {
    if (this.#store === undefined) return true;
    const known = await this.#store.load().catch(() => undefined);
    if (known === undefined) return false;
    this.#everything = known.everything;
    for (const directory of known.directories) this.#collapsed.add(directory);
    // Whatever is read from now on is newer than a delete of an earlier run.
    for (const key of known.keys) this.#deleted.set(key, 0);
    if (this.#deleted.size > this.#limit || this.#collapsed.size > this.#limit) this.#collapse();
    return true;
  }

  /** Another run may have left tombstones that this one never heard of. */
  get mayHoldOthers(): boolean {
    return this.#othersUntil !== Number.NEGATIVE_INFINITY;
  }

  /** Keys remembered one by one. */
  get size(): number {
    return this.#deleted.size;
  }

  /** No row in bulk needs a look. */
  isEmpty(): boolean {
    return !this.#everything && this.#deleted.size + this.#collapsed.size === 0;
  }

  /** Deletes of these keys are being sent. */
  noteAllDeleted(changes: readonly Pick<Change, "key" | "sequence">[]): void {
    const fresh = changes.filter(({ key }) => !this.needs(key)).map(({ key }) => key);
    if (fresh.length > 0) this.#store?.note(fresh);
    for (const change of changes) this.#put(change);
  }

  /** The delete of a key was sent. */
  noteDeleted({ key, sequence }: Pick<Change, "key" | "sequence">): void {
    if (!this.needs(key)) this.#store?.note([key]);
    this.#put({ key, sequence });
  }

  /** Whether an upsert of this key has to lift a tombstone first. */
  needs(key: string): boolean {
    return this.#everything || this.#deleted.get(key) !== undefined || this.#collapsed.has(directoryOf(key));
  }

  /**
   * Another run may have left tombstones that this one never heard of, none of them younger than `second` (epoch). A
   * path that comes back with an older modification time, as after a rename, may lie under one.
   */
  noteOthersUntil(second: number): void {
    this.#othersUntil = Math.max(this.#othersUntil, second);
  }

  /**
   * Fusion accepted the end of an audit at this epoch second: it has dropped the tombstones of others that were old
   * enough.
   */
  noteAuditEnd(second: number): void {
    if (second - this.#othersUntil > OTHERS_SECONDS) this.#othersUntil = Number.NEGATIVE_INFINITY;
  }

  /** As {@link needs}, for a live row. */
  needsLive(key: string, row: Row): boolean {
    return this.needs(key) || (typeof row.modified_time === "number" && row.modified_time < this.#othersUntil);
  }

  /** A lifted row of the key was accepted. */
  noteLifted(key: string): void {
    if (this.#deleted.get(key) === undefined) return;
    this.#deleted.delete(key);
    this.#store?.forget([key]);
  }

  /** Whether any row in this directory may need the lifting form. */
  concerns(directory: string): boolean {
    return this.#everything || this.#knows(directory);
  }

  /** As {@link needs}, for a row in bulk. The root cannot be deleted. */
  needsInBulk(key: string, groupSequence: number): boolean {
    return key !== ROOT && (this.#everything || this.#isKnown(key, groupSequence));
  }

  /**
   * For the rows of an audit: without those that need the lifting form only because nothing is known one by one any
   * more. The snapshot before the audit has lifted them all, and lifting the whole tree again with every audit would
   * make it three times as large.
   */
  readonly inAudits: TombstonesInBulk = {
    isEmpty: () => this.#deleted.size + this.#collapsed.size === 0,
    concerns: (directory) => this.#knows(directory),
    needsInBulk: (key, groupSequence) => this.#isKnown(key, groupSequence),
  };

  #knows(directory: string): boolean {
    return this.#deleted.hasDirectory(directory) || this.#collapsed.has(directory);
  }

  #isKnown(key: string, groupSequence: number): boolean {
    const deletedAt = this.#deleted.get(key) ?? Number.POSITIVE_INFINITY;
    return deletedAt <= groupSequence || this.#collapsed.has(directoryOf(key));
  }

  #put({ key, sequence }: Pick<Change, "key" | "sequence">): void {
    if (this.#everything || this.#collapsed.has(directoryOf(key))) return;
    this.#deleted.set(key, sequence);
    if (this.#deleted.size > this.#limit) this.#collapse();
  }

  #collapse(): void {
    for (const directory of this.#deleted.directories()) this.#collapsed.add(directory);
    this.#deleted.clear();
    if (this.#collapsed.size > this.#limit) {
      this.#everything = true;
      this.#collapsed.clear();
    }
    this.#store?.replace({ keys: [], directories: [...this.#collapsed], everything: this.#everything });
  }
}
