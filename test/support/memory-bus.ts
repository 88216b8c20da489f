/** An event bus as a program might bring its own: a list for each cursor, and a loss where a list gets too long. */

import type { BusStatus, EventBus, EventBusSettings, FeedState } from "../../src/sdk/event-bus.ts";
import {
  type BusBatch,
  type BusLoss,
  type BusSubscription,
  type Change,
  type ChangeBatch,
  Signal,
} from "../../src/sdk/kit.ts";

interface Held {
  readonly change: Change;
  readonly index: number;
  readonly at: number;
  readonly lagMs: number;
}

class MemoryCursor implements BusSubscription {
  readonly #bus: MemoryBus;
  readonly news = new Signal();
  readonly waiting: Held[] = [];
  #handedOut: BusBatch[] = [];
  #again: BusBatch[] = [];
  #tickets = 0;
  #loss: BusLoss | undefined;
  committedIndex: number;
  settled: number;

  constructor(bus: MemoryBus) {
    this.#bus = bus;
    this.committedIndex = bus.lastIndex;
    this.settled = bus.published;
  }

  start(startPosition: number, position?: string) {
    if (this.#bus.feed.state !== "idle") return { positionLost: startPosition < this.#bus.lastIndex };
    return this.#bus.settings.openFeed(startPosition, position);
  }

  take(maxChanges: number): BusBatch | BusLoss | undefined {
    const again = this.#again.shift();
    if (again !== undefined) {
      this.#handedOut.push(again);
      return again;
    }
    if (this.#loss !== undefined) {
      const loss = this.#loss;
      this.#loss = undefined;
      return loss;
    }
    const held = this.waiting.splice(0, maxChanges);
    const [first] = held;
    if (first === undefined) return undefined;
    const position = held.at(-1)?.change.position;
    const batch: BusBatch = {
      kind: "batch",
      changes: held.map(({ change }) => change),
      indexes: held.map(({ index }) => index),
      ticket: ++this.#tickets,
      lagMs: first.lagMs,
      enteredAt: first.at,
      ...(position === undefined ? {} : { position }),
    };
    this.#handedOut.push(batch);
    return batch;
  }

  /** Beyond the limit nothing is kept one by one. */
  lose(reason: string): void {
    this.waiting.length = 0;
    this.#loss = { kind: "lost", reason };
    this.news.raise();
  }

  readable(signal: AbortSignal): Promise<void> {
    return this.news.wait(signal);
  }

  commit({ ticket, indexes, changes }: BusBatch): void {
    this.#handedOut = this.#handedOut.filter((batch) => batch.ticket > ticket);
    this.committedIndex = indexes.at(-1) ?? this.committedIndex;
    this.settled += changes.length;
    this.#bus.settle();
  }

  rewind(): void {
    this.#again = [...this.#handedOut, ...this.#again];
    this.#handedOut = [];
    this.news.raise();
  }

  get backlog(): number {
    const open = [...this.#handedOut, ...this.#again].reduce((count, { changes }) => count + changes.length, 0);
    return open + this.waiting.length;
  }

  get oldestEnteredAt(): number | undefined {
    return this.#handedOut[0]?.enteredAt ?? this.#again[0]?.enteredAt ?? this.waiting[0]?.at;
  }

  readonly isWhole = false;

  get isEmpty(): boolean {
    return this.#again.length === 0 && this.waiting.length === 0 && this.#loss === undefined;
  }

  get feed(): FeedState {
    return this.#bus.feed;
  }

  close(): void {
    this.#bus.cursors.delete(this);
  }
}

export class MemoryBus implements EventBus {
  readonly settings: EventBusSettings;
  readonly cursors = new Set<MemoryCursor>();
  readonly #unsettled: { readonly change: Change; readonly end: number }[] = [];
  feed: FeedState = { state: "idle" };
  lastIndex: number;
  lastPosition: string | undefined;
  published = 0;
  #losses = 0;

  constructor(settings: EventBusSettings) {
    this.settings = settings;
    this.lastIndex = settings.clock.wallClock();
  }

  subscribe(): MemoryCursor {
    const cursor = new MemoryCursor(this);
    this.cursors.add(cursor);
    return cursor;
  }

  publish({ changes, lagMs }: ChangeBatch): void {
    const at = this.settings.clock.now();
    for (const change of changes) {
      this.lastIndex = Math.max(this.lastIndex + 1, this.settings.clock.wallClock());
      this.lastPosition = change.position ?? this.lastPosition;
      this.published += 1;
      for (const { waiting } of this.cursors) waiting.push({ change, index: this.lastIndex, at, lagMs });
    }
    const last = changes.at(-1);
    if (last !== undefined) this.#unsettled.push({ change: last, end: this.published });
    for (const cursor of this.cursors) {
      if (cursor.waiting.length > this.settings.limits.maxChanges) this.#drop(cursor);
      else cursor.news.raise();
    }
  }

  #drop(cursor: MemoryCursor): void {
    this.#losses += 1;
    cursor.lose("its list got too long");
  }

  settle(): void {
    const settled = Math.min(...[...this.cursors].map((cursor) => cursor.settled));
    const count = this.#unsettled.filter(({ end }) => end <= settled).length;
    const newest = this.#unsettled.splice(0, count).at(-1);
    if (newest !== undefined) this.settings.onSettled?.(newest.change);
  }

  reportLoss(reason: string): void {
    for (const cursor of this.cursors) cursor.lose(reason);
  }

  setFeed(feed: FeedState): void {
    this.feed = feed;
    for (const { news } of this.cursors) news.raise();
  }

  beginsAt(position: string | undefined): void {
    this.lastPosition = position ?? this.lastPosition;
  }

  status(): BusStatus {
    const { lastIndex, feed } = this;
    const heldChanges = Math.max(0, ...[...this.cursors].map(({ waiting }) => waiting.length));
    const none = { heldBytes: 0, overflows: 0, coalesced: 0, collapses: 0 };
    return { ...none, subscribers: this.cursors.size, heldChanges, losses: this.#losses, lastIndex, feed };
  }
}
