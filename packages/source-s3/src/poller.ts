/** Lists the bucket again and again, one listing at a time, and keeps the model and its index on disk up to date. */
import { FustorError, isFustorError, type Logger } from "fustor-agent/sdk";
import type { Client } from "./client.ts";
import { failureOnTheWay, unavailable } from "./failures.ts";
import type { Journal } from "./journal.ts";
import { compareKeys } from "./keys.ts";
import type { Listed } from "./list-page.ts";
import { listAll, Unsorted } from "./listing.ts";
import { factsOf, type Model } from "./model.ts";

/** Objects of a range: fewer are not worth a request of their own. */
const RANGE_OBJECTS = 4_000;
const RANGES_OF_A_WORKER = 4;
const FIRST_RETRY_MS = 1_000;

export interface PollerOptions {
  readonly client: Client;
  readonly model: Model;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly prefix: string;
  readonly parallel: number;
  readonly intervalMs: number;
  /** Of a key without its prefix. */
  readonly isWanted: (key: string) => boolean;
  readonly onPage: () => void;
  readonly onEnd: (failure: FustorError | undefined) => void;
}

export interface EndedListing {
  readonly objects: number;
  readonly requests: number;
  readonly elapsedMs: number;
}

interface Waiter {
  readonly from: number;
  readonly resolve: () => void;
  readonly reject: (error: FustorError) => void;
}

export class Poller {
  readonly #options: PollerOptions;
  readonly #closed = new AbortController();
  #waiters: Waiter[] = [];
  /** Listings that have begun. */
  #round = 0;
  #isListing = false;
  #isSequential = false;
  #failures = 0;
  #wake: (() => void) | undefined;
  #isWanted = false;
  #running: Promise<void> = Promise.resolve();
  /** A listing of this run came to its end. */
  isComplete = false;
  last: EndedListing | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Lists soon instead of at the next turn. */
  poke(): void {
    this.#isWanted = true;
    this.#wake?.();
  }

  /** The end of a listing that begins after this call. */
  next(signal: AbortSignal): Promise<void> {
    const listed = this.#wait(this.#round + 1, signal);
    this.poke();
    return listed;
  }

  /** The end of the listing that runs, or of the next one. */
  current(signal: AbortSignal): Promise<void> {
    return this.#wait(this.#isListing ? this.#round : this.#round + 1, signal);
  }

  #wait(from: number, signal: AbortSignal): Promise<void> {
    const over = AbortSignal.any([signal, this.#closed.signal]);
    return new Promise((resolve, reject) => {
      const waiter = { from, resolve, reject };
      this.#waiters.push(waiter);
      const abort = (): void => {
        this.#waiters = this.#waiters.filter((each) => each !== waiter);
        reject(new FustorError("FUSTOR_ABORTED", "the call was cancelled"));
      };
      if (over.aborted) abort();
      else over.addEventListener("abort", abort, { once: true });
    });
  }

  async #run(): Promise<void> {
    const { intervalMs } = this.#options;
    const { signal } = this.#closed;
    while (!signal.aborted) {
      const begin = performance.now();
      const failure = await this.#listOnce(signal);
      if (signal.aborted) return;
      const retryMs = Math.min(intervalMs, FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 16));
      await this.#pause(failure === undefined ? begin + intervalMs - performance.now() : retryMs);
    }
  }

  #pause(delayMs: number): Promise<void> {
    const isWanted = this.#isWanted;
    if (isWanted || this.#closed.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, delayMs));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #listOnce(signal: AbortSignal): Promise<FustorError | undefined> {
    this.#isWanted = false;
    this.#round++;
    this.#isListing = true;
    const failure = await this.#list(signal).then(
      () => undefined,
      (error: unknown) => this.#failureOf(error),
    );
    this.#isListing = false;
    this.#failures = failure === undefined ? 0 : this.#failures + 1;
    if (!signal.aborted) this.#ended(failure);
    return failure;
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, model, journal, onPage, prefix, parallel } = this.#options;
    const begin = performance.now();
    const before = client.requests;
    const generation = model.last + 1;
    try {
      await listAll({
        client,
        prefix,
        parallel,
        signal,
        boundaries: this.#boundaries(),
        isSequential: this.#isSequential,
        onPage: async (objects) => {
          for (const object of objects) this.#found(object, generation);
          onPage();
          await journal.flushWhenLarge();
        },
      });
      // Only here: a listing that broke off says nothing of what it did not come to.
      for (const key of model.missing(this.#round)) {
        journal.remove(key, generation);
        model.remove(key, generation);
        await journal.flushWhenLarge();
      }
    } finally {
      await journal.flush(model);
    }
    this.isComplete = true;
    const [elapsedMs, requests] = [Math.round(performance.now() - begin), client.requests - before];
    this.last = { objects: model.objects, requests, elapsedMs };
  }

  #found(object: Listed, generation: number): void {
    const { model, journal, prefix, isWanted } = this.#options;
    const key = object.key.slice(prefix.length);
    if (!isWanted(key)) return;
    const facts = factsOf(object);
    if (model.put(key, facts, generation, this.#round)) journal.put(key, facts, generation);
  }

  #boundaries(): string[] {
    const { model, parallel, prefix } = this.#options;
    const pieces = Math.min(parallel * RANGES_OF_A_WORKER, Math.floor(model.objects / RANGE_OBJECTS));
    return pieces < 2 ? [] : model.boundaries(pieces, compareKeys).map((key) => prefix + key);
  }

  #failureOf(error: unknown): FustorError {
    if (error instanceof Unsorted) {
      this.#isSequential = true;
      this.poke();
      return unavailable(`${error.message}: from now on it is listed by one request after the other`);
    }
    if (isFustorError(error)) return error;
    return failureOnTheWay(error, { host: "", bucket: "", prefix: "", region: "", hide: (text) => text });
  }

  #ended(failure: FustorError | undefined): void {
    const done = this.#waiters.filter(({ from }) => from <= this.#round);
    this.#waiters = this.#waiters.filter(({ from }) => from > this.#round);
    this.#options.onEnd(failure);
    for (const { resolve, reject } of done) {
      if (failure === undefined) resolve();
      else reject(unavailable(failure.message));
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#wake?.();
    await this.#running;
  }
}
