/**
 * A live look at the changes that a pipe takes off its bus. It never slows the pipe: looking costs a bounded time in
 * each second, and what comes beyond it, or beyond what the reader takes, is left out and counted.
 */
import { type Glob, pathGlob } from "../sdk/glob.ts";
import type { Change, ChangeOperation } from "../sdk/index.ts";
import { eventText, type Feed, KEEP_ALIVE, KEEP_ALIVE_MS } from "./event-stream.ts";

/** Gets changes of a pipe as it takes them; returns at once. */
export type TapListener = (changes: readonly Change[]) => void;

/** Who listens to which pipe. A pipe that is stopped and started again is heard again. */
export class Taps {
  readonly #listeners = new Map<string, Set<TapListener>>();

  /** Until the returned function is called. */
  listen(pipe: string, listener: TapListener): () => void {
    const listeners = this.#listeners.get(pipe) ?? new Set();
    this.#listeners.set(pipe, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(pipe) === listeners) this.#listeners.delete(pipe);
    };
  }

  offer(pipe: string, changes: readonly Change[]): void {
    const listeners = this.#listeners.get(pipe);
    if (listeners === undefined) return;
    for (const listener of listeners) listener(changes);
  }
}

export interface TapWish {
  readonly filter: string | undefined;
  /** Empty: all. */
  readonly kinds: readonly ChangeOperation[];
}

export interface TapBounds {
  /** Milliseconds of each second that looking at changes may take. */
  readonly looksMs: number;
  /** Changes that may go to the reader in each second. */
  readonly changesPerSecond: number;
  /** Changes that wait for the reader. */
  readonly queued: number;
}

const BOUNDS: TapBounds = { looksMs: 20, changesPerSecond: 2000, queued: 1000 };

interface TakenChange {
  readonly at: number;
  readonly change: Change;
}

export interface TapClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Epoch milliseconds. */
  wallClock(): number;
}

const CLOCK: TapClock = { now: () => performance.now(), wallClock: () => Date.now() };

/** One reader's part of what a pipe takes. */
export class Tap {
  readonly #glob: Glob | undefined;
  readonly #kinds: ReadonlySet<ChangeOperation>;
  readonly #bounds: TapBounds;
  readonly #clock: TapClock;
  #queue: TakenChange[] = [];
  #leftOut = 0;
  #second = Number.NEGATIVE_INFINITY;
  #spentMs = 0;
  #passed = 0;
  #wake: () => void = () => undefined;

  constructor({ filter, kinds }: TapWish, bounds: TapBounds = BOUNDS, clock: TapClock = CLOCK) {
    this.#glob = filter === undefined ? undefined : pathGlob(filter);
    this.#kinds = new Set(kinds);
    this.#bounds = bounds;
    this.#clock = clock;
  }

  readonly take: TapListener = (changes) => {
    const begin = this.#clock.now();
    this.#beginSecond(begin);
    const mayLook = this.#bounds.looksMs - this.#spentMs;
    let looked = 0;
    // The clock is read for some at a time.
    for (; looked < changes.length && (looked % 16 !== 0 || this.#clock.now() - begin < mayLook); looked++) {
      this.#look(changes[looked] as Change);
    }
    this.#leftOut += changes.length - looked;
    this.#spentMs += this.#clock.now() - begin;
    this.#wake();
  };

  #beginSecond(now: number): void {
    if (now - this.#second < 1000) return;
    this.#second = now;
    this.#spentMs = 0;
    this.#passed = 0;
  }

  #look(change: Change): void {
    if (this.#kinds.size > 0 && !this.#kinds.has(change.op)) return;
    if (this.#glob?.matches(change.key) === false) return;
    const { changesPerSecond, queued } = this.#bounds;
    if (this.#passed >= changesPerSecond || this.#queue.length >= queued) this.#leftOut++;
    else {
      this.#passed++;
      this.#queue.push({ at: this.#clock.wallClock(), change });
    }
  }

  /** What waits, as events; `left-out` counts what a filter might have let through and is not shown. */
  next(): string {
    const [queue, leftOut] = [this.#queue, this.#leftOut];
    this.#queue = [];
    this.#leftOut = 0;
    const texts = queue.map((taken) => eventText("change", changeText(taken)));
    if (leftOut > 0) texts.push(eventText("left-out", JSON.stringify({ count: leftOut })));
    return texts.join("");
  }

  /** Resolves when something came, after the time, or when the signal aborts. */
  changed(withinMs: number, signal: AbortSignal): Promise<void> {
    if (this.#queue.length > 0 || this.#leftOut > 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = () => undefined;
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, withinMs).unref();
      this.#wake = done;
      signal.addEventListener("abort", done);
    });
  }
}

const changeText = ({ at, change: { op, key, table, row } }: TakenChange): string =>
  JSON.stringify({ at: new Date(at).toISOString(), op, key, ...(table === undefined ? {} : { table }), row });

export const tapFeed = (taps: Taps, pipe: string, wish: TapWish): Feed =>
  async function* (signal) {
    const tap = new Tap(wish);
    const stop = taps.listen(pipe, tap.take);
    try {
      yield eventText("listening", JSON.stringify({ pipe }));
      while (!signal.aborted) {
        await tap.changed(KEEP_ALIVE_MS, signal);
        yield tap.next() || KEEP_ALIVE;
      }
    } finally {
      stop();
    }
  };
