import type { BusBatch, BusDirty, BusLoss, BusSubscription, FeedState, OpenedFeed } from "../sdk/event-bus.ts";
import type { Change } from "../sdk/index.ts";
import { Signal } from "../sdk/signal.ts";
import type { ChainBus } from "./chain-bus.ts";
import { ChainPlace, type Taken } from "./chain-place.ts";
import { CoalescedBacklog } from "./coalesced-backlog.ts";
import { type Coalesced, nextEnteredAt, type Place } from "./cursor-place.ts";
import { DirtyDirectories } from "./dirty-directories.ts";
import { HandedOut } from "./handed-out.ts";
import { bytesPerChange, type Segment } from "./segment.ts";

/** A pipe's place on an {@link ChainBus}; made by `ChainBus.subscribe`. */
export class BusCursor implements BusSubscription {
  readonly #bus: ChainBus;
  readonly #news = new Signal();
  #place: Place;
  #loss: BusLoss | undefined;
  /** Directories of changes that were not kept. */
  readonly #dirty: DirtyDirectories;
  /**
   * What has to be accepted before the pipe reads those directories: the deletes that were kept beside them. They wait
   * in the backlog, or the last of them is in the batch with this ticket. A row that was read from the disk before such
   * a delete went out would be deleted by it.
   */
  #deletesBefore: "waiting" | number | undefined;
  readonly #handedOut = new HandedOut();
  #tickets = 0;
  committedIndex: number;
  /** Everything before this place of the chain was accepted by the receiver, or need not be. Only the bus reads it. */
  settled: number;
  #closed = false;
  /** Nothing was published before it was made. */
  readonly #holdsAll: boolean;

  constructor(bus: ChainBus, tail: Segment) {
    this.#bus = bus;
    this.#holdsAll = bus.endPosition === 0;
    this.#dirty = new DirtyDirectories(bus.limits.maxDirty ?? 0);
    this.#place = { kind: "attached", at: ChainPlace.atEndOf(tail) };
    this.committedIndex = bus.lastIndex;
    this.settled = bus.endPosition;
  }

  start(startPosition: number, position?: string): OpenedFeed {
    const opened = this.#bus.openFeed(startPosition, position);
    // What was published before this cursor was made is missing from it.
    return position === undefined || this.#holdsAll ? opened : { positionLost: true };
  }

  take(maxChanges: number, maxBytes: number): BusBatch | BusDirty | BusLoss | undefined {
    const again = this.#handedOut.again();
    if (again !== undefined) return again;
    const loss = this.#loss;
    if (loss !== undefined) {
      this.#loss = undefined;
      return loss;
    }
    if (this.#hasDirtyToTell) return { kind: "dirty", directories: this.#dirty.takeAll() };
    const place = this.#place;
    const taken =
      place.kind === "attached"
        ? place.at.take(maxChanges, maxBytes)
        : this.#takeCoalesced(place, maxChanges, maxBytes);
    if (taken === undefined) return undefined;
    const upTo = this.isAttached ? { upTo: this.position } : {};
    const batch = this.#withPosition({ kind: "batch", ...taken, ...upTo, ticket: ++this.#tickets }, place);
    this.#handedOut.add(batch);
    return batch;
  }

  /** Not before a backlog is empty, nor while directories are still to be read again. */
  #withPosition(batch: BusBatch, from: Place): BusBatch {
    if (this.#dirty.size > 0 || this.#deletesBefore !== undefined) return batch;
    const end = from.kind === "attached" ? this.#newestPosition(batch.changes) : from.position;
    const isHeld = from.kind === "attached" || from.backlog.size === 0;
    return end === undefined || !isHeld ? batch : { ...batch, position: end };
  }

  /** Of changes in the order of the source. Sources without positions are not searched. */
  #newestPosition(changes: readonly Change[]): string | undefined {
    if (this.#bus.lastPosition === undefined) return undefined;
    return changes.findLast(({ position }) => position !== undefined)?.position;
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.isEmpty && !this.#closed ? this.#news.wait(signal) : Promise.resolve();
  }

  commit(batch: BusBatch): void {
    this.#handedOut.commit(batch);
    this.committedIndex = Math.max(this.committedIndex, batch.indexes.at(-1) ?? 0);
    const settled = this.#hasNothing ? this.position : batch.upTo;
    if (settled !== undefined) this.#settle(settled);
    if (typeof this.#deletesBefore !== "number" || this.#deletesBefore > batch.ticket) return;
    this.#deletesBefore = undefined;
    this.#news.raise();
  }

  /** All before the place in the chain was accepted or lost. */
  get #hasNothing(): boolean {
    return this.isAttached && this.#handedOut.oldest === undefined;
  }

  #settle(position: number): void {
    this.settled = position;
    this.#bus.settle();
  }

  rewind(): void {
    this.#handedOut.rewind();
    this.#news.raise();
  }

  get backlog(): number {
    const place = this.#place;
    const waiting = place.kind === "attached" ? this.#bus.endPosition - this.position : place.backlog.size;
    return this.#handedOut.changes + waiting;
  }

  get oldestEnteredAt(): number | undefined {
    return this.#handedOut.oldest?.enteredAt ?? nextEnteredAt(this.#place);
  }

  get isEmpty(): boolean {
    if (this.#handedOut.hasRewound || this.#loss !== undefined || this.#hasDirtyToTell) return false;
    if (this.#place.kind === "coalesced") return this.#place.backlog.size === 0;
    return this.position >= this.#bus.endPosition;
  }

  get isWhole(): boolean {
    return this.#holdsAll && this.#bus.isWholeFromStart;
  }

  get reached(): string | undefined {
    const lacks = this.#loss !== undefined || this.#dirty.size > 0 || this.#deletesBefore !== undefined;
    return lacks || this.settled < (this.#bus.mark?.position ?? 0) ? undefined : this.#bus.mark?.text;
  }

  get feed(): FeedState {
    return this.#bus.feed;
  }

  close(): void {
    this.#closed = true;
    this.#handedOut.clear();
    this.#bus.drop(this);
    this.#news.raise();
  }

  // For the bus only.

  get isAttached(): boolean {
    return this.#place.kind === "attached";
  }

  get position(): number {
    return this.#place.kind === "attached" ? this.#place.at.position : this.#bus.endPosition;
  }

  /** Bytes of the chain before this cursor, to the segment. */
  get bytesBefore(): number {
    return this.#place.kind === "attached" ? this.#place.at.bytesBefore : this.#bus.endBytes;
  }

  onPublished(segment: Segment): void {
    if (this.#place.kind === "coalesced") this.#merge(this.#place, segment, 0);
    this.#news.raise();
  }

  onFeedChanged(): void {
    this.#news.raise();
  }

  get #hasDirtyToTell(): boolean {
    return this.#dirty.size > 0 && this.#deletesBefore === undefined;
  }

  onLost(reason: string): void {
    this.#bus.countLoss();
    this.#dirty.takeAll();
    this.#deletesBefore = undefined;
    this.#loss = { kind: "lost", reason };
    this.#news.raise();
  }

  /** Moves the cursor's changes from the chain into a backlog of its own. */
  cutOff(): void {
    if (this.#place.kind !== "attached") return;
    const { at } = this.#place;
    const { maxChanges, maxBytes, maxCoalesced = 4 * maxChanges, lastStateIsEnough = true } = this.#bus.limits;
    if (!lastStateIsEnough) {
      this.#loseAll("more changes were waiting than the queue may hold, and each of them counts");
      return;
    }
    const backlog = new CoalescedBacklog({ maxChanges: maxCoalesced, maxBytes });
    const { enteredAt, lagMs } = at.next ?? this.#bus.tail;
    const place: Coalesced = { kind: "coalesced", backlog, enteredAt, lagMs, position: undefined };
    this.#place = place;
    for (const { segment, from } of at.rest()) if (!this.#merge(place, segment, from)) return;
  }

  /** False when the backlog is full of what cannot collapse; then the cursor has dropped it. */
  #merge(place: Coalesced, segment: Segment, from: number): boolean {
    const { backlog } = place;
    const size = bytesPerChange(segment);
    for (let i = from; i < segment.changes.length; i++) {
      const change = segment.changes[i] as Change;
      if (backlog.add(change, size) || (this.#collapse(backlog) && backlog.add(change, size))) continue;
      this.#loseAll("more distinct changes were waiting than the queue may hold");
      return false;
    }
    if (from < segment.changes.length) place.position = this.#newestPosition(segment.changes) ?? place.position;
    this.#bus.countCoalesced(segment.changes.length - from);
    return true;
  }

  /** Turns the backlog into directories and the deletes of containers; false when the directories are too many. */
  #collapse(backlog: CoalescedBacklog): boolean {
    if (!backlog.collapse((change) => this.#dirty.mark(change))) return false;
    if (backlog.hasDeletes) this.#deletesBefore = "waiting";
    this.#bus.countCollapse();
    return true;
  }

  /** The source may wait for it to be settled, and then no batch follows whose commit does that. */
  #loseAll(reason: string): void {
    this.#attachAtEnd();
    this.onLost(reason);
    if (this.#hasNothing) this.#settle(this.position);
  }

  #attachAtEnd(): void {
    this.#place = { kind: "attached", at: ChainPlace.atEndOf(this.#bus.tail) };
  }

  /** A backlog that is not empty always has something to hand out: what outdates the rest of it, if nothing else. */
  #takeCoalesced(place: Coalesced, maxChanges: number, maxBytes: number): Taken {
    const { backlog, lagMs, enteredAt } = place;
    const changes = backlog.take(maxChanges, maxBytes);
    // The batch that is about to be made gets the next ticket.
    if (this.#deletesBefore === "waiting" && !backlog.hasDeletes) this.#deletesBefore = this.#tickets + 1;
    if (backlog.size === 0) this.#attachAtEnd();
    // Changes leave a backlog in another order than they came, so they get new indexes: indexes on the wire strictly
    // increase.
    return { changes, indexes: changes.map(() => this.#bus.nextIndex()), lagMs, enteredAt };
  }
}
