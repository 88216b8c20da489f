/**
 * What a pipe that fell behind still has to send, as the last state per key instead of every change.
 *
 * Deletes go out first, then containers, then the rest, each in the order in which they were first touched. That order
 * is safe:
 *
 *   - a delete never undoes an upsert that is still here, because deleting a key drops its upsert, and deleting a
 *     container outdates every upsert below it (looked up when it is taken, by the stamp of the delete: no scan of the
 *     keys per delete);
 *   - an upsert that follows the delete of a container keeps that delete: without it the old subtree would stay at the
 *     receiver. An upsert after the delete of anything else replaces it: the receiver takes the last state over the old
 *     one;
 *   - a container precedes what lies in it whenever the source reported it first.
 *
 * A row that was inserted and then changed stays an insert: the receiver has not heard of it. One that was deleted and
 * inserted again is an update, where its delete is replaced.
 *
 * The bound counts keys and bytes. At the bound the outdated keys are swept out; if that does not help, `add` says no
 * and the cursor keeps most of it as directories ({@link DirtyDirectories}): everything but the deletes of containers.
 * A container that is made anew under a deleted name must not come before that delete, or the receiver keeps what lay in
 * the old one; no directory's rows can say that.
 */
import type { Change } from "../sdk/index.ts";
import { parentKey } from "../sdk/parent-key.ts";

interface Entry {
  readonly change: Change;
  readonly sizeBytes: number;
  /** Order of arrival. */
  readonly stamp: number;
}

export interface BacklogLimits {
  readonly maxChanges: number;
  readonly maxBytes: number;
}

export class CoalescedBacklog {
  readonly #limits: BacklogLimits;
  readonly #deletes = new Map<string, Entry>();
  readonly #containers = new Map<string, Entry>();
  readonly #leaves = new Map<string, Entry>();
  /** When containers were deleted, for as long as an older upsert may be here. */
  readonly #deletedContainers = new Map<string, number>();
  #stamp = 0;
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  /** Keys with something to send; an outdated one counts until `take` or a sweep meets it. */
  get size(): number {
    return this.#deletes.size + this.#containers.size + this.#leaves.size;
  }

  get sizeBytes(): number {
    return this.#bytes;
  }

  /** False when the bound is reached: the change was not taken, and the caller must not add another one. */
  add(change: Change, sizeBytes: number): boolean {
    if (this.#isFull(sizeBytes)) this.#sweep();
    if (this.#isFull(sizeBytes)) return false;
    const entry: Entry = { change, sizeBytes, stamp: ++this.#stamp };
    if (change.op === "delete") this.#addDelete(entry);
    else this.#addUpsert(entry);
    return true;
  }

  get hasDeletes(): boolean {
    return this.#deletes.size > 0;
  }

  /**
   * Hands over everything but the deletes of containers. False when `take` refuses a change, or when those deletes leave
   * too little room: each collapse looks at all of them, so it has to make room for as many changes.
   */
  collapse(take: (change: Change) => boolean): boolean {
    this.#sweep();
    for (const map of [this.#deletes, this.#containers, this.#leaves]) {
      for (const [key, { change }] of map) {
        if (map === this.#deletes && change.isContainer) continue;
        if (!take(change)) return false;
        this.#remove(map, key);
      }
    }
    return this.#keys * 2 <= this.#limits.maxChanges && this.#bytes * 2 <= this.#limits.maxBytes;
  }

  /** As many changes as fit, and at least one when there is any. */
  take(maxChanges: number, maxBytes: number): Change[] {
    const taken: Change[] = [];
    let bytes = 0;
    for (const map of [this.#deletes, this.#containers, this.#leaves]) {
      for (const [key, entry] of map) {
        if (map !== this.#deletes && this.#isOutdated(key, entry.stamp)) {
          this.#remove(map, key);
          continue;
        }
        const isFull = taken.length >= maxChanges || bytes + entry.sizeBytes > maxBytes;
        if (isFull && taken.length > 0) return taken;
        this.#remove(map, key);
        taken.push(entry.change);
        bytes += entry.sizeBytes;
      }
    }
    return taken;
  }

  #addDelete(entry: Entry): void {
    const { change } = entry;
    this.#remove(this.#containers, change.key);
    this.#remove(this.#leaves, change.key);
    const earlier = this.#deletes.get(change.key)?.change;
    const isContainer = change.isContainer || earlier?.isContainer === true;
    this.#put(
      this.#deletes,
      isContainer === change.isContainer ? entry : { ...entry, change: { ...change, isContainer } },
    );
    if (isContainer) this.#deletedContainers.set(change.key, entry.stamp);
  }

  #addUpsert(entry: Entry): void {
    const { key, isContainer } = entry.change;
    const op = this.#operationOf(entry.change);
    if (this.#deletes.get(key)?.change.isContainer === false) this.#remove(this.#deletes, key);
    const [map, other] = isContainer ? [this.#containers, this.#leaves] : [this.#leaves, this.#containers];
    this.#remove(other, key);
    const earlier = map.get(key);
    // An outdated entry must not pass its place on: it may stand before the row of the new container around it.
    if (earlier !== undefined && this.#isOutdated(key, earlier.stamp)) this.#remove(map, key);
    this.#put(map, op === entry.change.op ? entry : { ...entry, change: { ...entry.change, op } });
  }

  /** What the upsert is to a receiver that has heard of nothing in here. */
  #operationOf({ key, op }: Change): Change["op"] {
    if (this.#deletes.get(key)?.change.isContainer === false) return "update";
    const waiting = this.#containers.get(key) ?? this.#leaves.get(key);
    return waiting?.change.op === "insert" ? "insert" : op;
  }

  #put(map: Map<string, Entry>, entry: Entry): void {
    this.#bytes += entry.sizeBytes - (map.get(entry.change.key)?.sizeBytes ?? 0);
    map.set(entry.change.key, entry);
  }

  #remove(map: Map<string, Entry>, key: string): void {
    const entry = map.get(key);
    if (entry === undefined) return;
    this.#bytes -= entry.sizeBytes;
    map.delete(key);
  }

  #isOutdated(key: string, stamp: number): boolean {
    if (this.#deletedContainers.size === 0) return false;
    for (let above = parentKey(key); above !== undefined; above = parentKey(above)) {
      if ((this.#deletedContainers.get(above) ?? 0) > stamp) return true;
    }
    return false;
  }

  get #keys(): number {
    return this.size + this.#deletedContainers.size;
  }

  #isFull(moreBytes: number): boolean {
    return this.#keys >= this.#limits.maxChanges || this.#bytes + moreBytes > this.#limits.maxBytes;
  }

  #sweep(): void {
    for (const map of [this.#deletes, this.#containers, this.#leaves]) {
      for (const [key, entry] of map) if (this.#isOutdated(key, entry.stamp)) this.#remove(map, key);
    }
    // Every older upsert is gone, so only the deletes that are still to be sent matter.
    for (const key of this.#deletedContainers.keys()) if (!this.#deletes.has(key)) this.#deletedContainers.delete(key);
  }
}
