/**
 * The realtime changes of one source on their way to its pipes: one writer, and a cursor for each pipe.
 *
 * The bus holds each change once, in shared immutable segments chained in order of arrival. A cursor points into the
 * chain, and segments before the slowest cursor are garbage. The order is that of arrival and nothing else; the wire
 * index is payload. So any number of changes in one millisecond, and a clock that is set back, are harmless.
 *
 * **When full** (changes or bytes): the writer never waits, and a slow pipe never slows another. The bus cuts off the
 * cursor that lags most: its changes become the last state of each key ({@link CoalescedBacklog}), which the cursor
 * empties before it joins the chain again. Beyond the bound of that form they collapse into the directories to be read
 * again ({@link DirtyDirectories}) and the deletes of directories, and beyond the bound of those the cursor reports a
 * loss, upon which the pipe sends a snapshot.
 *
 * A cursor keeps what it handed out until that is committed. This survives the cut, and after `rewind` the cursor hands
 * it out again first.
 */

import type {
  BusLimits,
  BusStatus,
  BusSubscription,
  EventBus,
  FeedState,
  OnSettled,
  OpenedFeed,
  OpenFeed,
} from "../sdk/event-bus.ts";
import type { ChangeBatch } from "../sdk/index.ts";
import type { BusClock } from "./bus-clock.ts";
import { BusCursor } from "./bus-cursor.ts";
import { Departed } from "./departed.ts";
import { type Segment, startOfChain } from "./segment.ts";
import { UnsettledChanges } from "./unsettled-changes.ts";

export class ChainBus implements EventBus {
  readonly limits: BusLimits;
  readonly #clock: BusClock;
  readonly #cursors = new Set<BusCursor>();
  readonly #openFeed: OpenFeed;
  readonly #unsettled: UnsettledChanges;
  readonly #departed: Departed;
  #tail: Segment;
  #lastIndex: number;
  #feed: FeedState = { state: "idle" };
  /** What the source said when its stream was opened for the first time. */
  #isWholeFromStart = false;
  /** What it was asked for then, in its own words. */
  #openedAt: string | undefined;
  /** The newest position of the source's own. */
  #lastPosition: string | undefined;
  /** The newest one of the source, and where it stands. */
  #mark: { readonly text: string; readonly position: number } | undefined;
  #overflows = 0;
  #coalesced = 0;
  #collapses = 0;
  #losses = 0;

  constructor(
    limits: BusLimits,
    clock: BusClock,
    openFeed: OpenFeed = () => ({ positionLost: true }),
    onSettled?: OnSettled,
  ) {
    this.#unsettled = new UnsettledChanges(onSettled);
    this.limits = limits;
    this.#clock = clock;
    this.#departed = new Departed(clock);
    this.#openFeed = openFeed;
    this.#tail = startOfChain(clock.now());
    this.#lastIndex = Math.floor(clock.wallClock());
  }

  /** Makes a cursor at the end of the chain: it gets everything that is published from now on. */
  subscribe(): BusSubscription {
    const cursor = new BusCursor(this, this.#tail);
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Never waits, never fails. */
  publish(batch: ChangeBatch): void {
    this.#append(batch);
    if (batch.mark !== undefined) this.#mark = { text: batch.mark, position: this.endPosition };
  }

  #append(batch: ChangeBatch): void {
    if (batch.changes.length === 0) return;
    const segment: Segment = {
      changes: batch.changes,
      indexes: batch.changes.map(() => this.nextIndex()),
      firstPosition: this.endPosition,
      bytesBefore: this.endBytes,
      sizeBytes: batch.sizeBytes,
      lagMs: batch.lagMs,
      enteredAt: this.#clock.now(),
      next: undefined,
    };
    this.#tail.next = segment;
    this.#tail = segment;
    const change = batch.changes.at(-1);
    this.#lastPosition = change?.position ?? this.#lastPosition;
    if (change !== undefined) this.#unsettled.add(change, this.endPosition);
    for (const cursor of this.#cursors) cursor.onPublished(segment);
    this.#cutOffLaggards();
  }

  /** The source lost changes and does not know which: every pipe needs a snapshot. */
  reportLoss(reason: string): void {
    for (const cursor of this.#cursors) cursor.onLost(reason);
  }

  setFeed(feed: FeedState): void {
    this.#feed = feed;
    for (const cursor of this.#cursors) cursor.onFeedChanged();
  }

  status(): BusStatus {
    const slowest = this.#slowest();
    return {
      subscribers: this.#cursors.size,
      heldChanges: slowest === undefined ? 0 : this.endPosition - slowest.position,
      heldBytes: slowest === undefined ? 0 : this.endBytes - slowest.bytesBefore,
      overflows: this.#overflows,
      coalesced: this.#coalesced,
      collapses: this.#collapses,
      losses: this.#losses,
      lastIndex: this.#lastIndex,
      feed: this.#feed,
    };
  }

  // For cursors and the pump only.

  get feed(): FeedState {
    return this.#feed;
  }
  get tail(): Segment {
    return this.#tail;
  }
  get mark(): { readonly text: string; readonly position: number } | undefined {
    return this.#mark;
  }
  get lastIndex(): number {
    return this.#lastIndex;
  }
  get endPosition(): number {
    return this.#tail.firstPosition + this.#tail.changes.length;
  }
  get endBytes(): number {
    return this.#tail.bytesBefore + this.#tail.sizeBytes;
  }

  /** Epoch milliseconds, but always more than the index before, also when the clock is set back. */
  nextIndex(): number {
    this.#lastIndex = Math.max(this.#lastIndex + 1, Math.floor(this.#clock.wallClock()));
    return this.#lastIndex;
  }

  /** The source could start its stream where it was first asked to. */
  get isWholeFromStart(): boolean {
    return this.#isWholeFromStart;
  }

  /** Where a stream that was interrupted goes on. Undefined for a source without positions of its own. */
  get lastPosition(): string | undefined {
    return this.#lastPosition;
  }

  /** The stream begins there. */
  beginsAt(position: string | undefined): void {
    this.#lastPosition = position ?? this.#lastPosition;
  }

  openFeed(startPosition: number, position: string | undefined): OpenedFeed {
    // A stream that runs already cannot go back for a pipe that joins.
    if (this.#feed.state !== "idle") return { positionLost: !this.#runsFrom(startPosition, position) };
    const opened = this.#openFeed(startPosition, position);
    this.#isWholeFromStart = !opened.positionLost;
    this.#openedAt = position;
    return opened;
  }

  /** A cursor has settled more, or one that was closed holds nothing up any longer. */
  settle(): void {
    if (this.#unsettled.isEmpty) return;
    let settled = Math.min(this.endPosition, this.#departed.settled);
    for (const cursor of this.#cursors) settled = Math.min(settled, cursor.settled);
    this.#unsettled.settle(settled);
  }

  /** Positions of a source's own have no order that we know. */
  #runsFrom(startPosition: number, position: string | undefined): boolean {
    if (this.#lastPosition === undefined && position === undefined) return startPosition >= this.#lastIndex;
    return position !== undefined && this.#isWholeFromStart && position === this.#openedAt;
  }

  countCoalesced(changes: number): void {
    this.#coalesced += changes;
  }

  countCollapse(): void {
    this.#collapses++;
  }

  countLoss(): void {
    this.#losses++;
  }

  drop(cursor: BusCursor): void {
    if (!this.#cursors.delete(cursor)) return;
    if (this.#cursors.size === 0) this.#departed.clear();
    else if (cursor.settled < this.endPosition) this.#departed.add(cursor.settled, () => this.settle());
  }

  #slowest(): BusCursor | undefined {
    let slowest: BusCursor | undefined;
    for (const cursor of this.#cursors) {
      if (cursor.isAttached && (slowest === undefined || cursor.position < slowest.position)) slowest = cursor;
    }
    return slowest;
  }

  #cutOffLaggards(): void {
    for (let slowest = this.#slowest(); slowest !== undefined; slowest = this.#slowest()) {
      const changes = this.endPosition - slowest.position;
      const bytes = this.endBytes - slowest.bytesBefore;
      if (changes <= this.limits.maxChanges && bytes <= this.limits.maxBytes) return;
      this.#overflows++;
      slowest.cutOff();
    }
  }
}
