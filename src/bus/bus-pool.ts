import type {
  BusLimits,
  BusStatus,
  BusSubscription,
  CreateEventBus,
  EventBus,
  EventBusSettings,
  OpenFeed,
} from "../sdk/event-bus.ts";
import {
  type Change,
  describeError,
  FustorError,
  type Logger,
  omitUndefined,
  type SourceDriver,
} from "../sdk/index.ts";
import type { BusClock } from "./bus-clock.ts";
import { BusPump } from "./bus-pump.ts";
import { ChainBus } from "./chain-bus.ts";
import { MOST_DIRTY } from "./dirty-directories.ts";
import { createdBus, guardedBus } from "./guarded-bus.ts";

/** One pipe's share of a source. */
export interface BusLease {
  /** An open source. The pool closes it with the last lease; the pipe must not. */
  readonly source: SourceDriver;
  readonly bus: BusSubscription;
  busStatus(): BusStatus;
  /** The source comes to rest, once for all pipes on it: SourceDriver.freeze. */
  freeze(): Promise<string | undefined>;
  /** Idempotent. Resolves when the source is closed if this was the last lease, else at once. */
  release(): Promise<void>;
}

export type CreateSource = () => Promise<SourceDriver> | SourceDriver;

interface Shared {
  readonly source: SourceDriver;
  readonly bus: EventBus;
  readonly pump: BusPump;
  readonly opened: Promise<void>;
  readonly abort: AbortController;
  leases: number;
  frozen: Promise<string | undefined> | undefined;
}

/**
 * One opened source and one bus for each signature, shared by every pipe on it.
 *
 * The signature has to hold everything that makes two sources different (driver, uri, credential, parameters, limits).
 * Pipes come and go independently: the pool closes a source with its last lease and never before.
 */
export class BusPool {
  readonly #clock: BusClock;
  readonly #logger: Logger;
  readonly #createBus: CreateEventBus | undefined;
  readonly #shared = new Map<string, Shared>();
  /** Sources that are being made: all who ask meanwhile share one. */
  readonly #making = new Map<string, Promise<Shared>>();
  /** Sources that are being closed: a new one with the same signature waits for them. */
  readonly #closing = new Map<string, Promise<void>>();

  /** `createBus`: in place of the bus that comes with the agent. */
  constructor(clock: BusClock, logger: Logger, createBus?: CreateEventBus) {
    this.#clock = clock;
    this.#logger = logger;
    this.#createBus = createBus;
  }

  /**
   * Rejects when the source cannot be made or opened; then it leaves nothing behind. Any number of calls may run at
   * once.
   */
  async acquire(signature: string, create: CreateSource, limits: BusLimits): Promise<BusLease> {
    for (let closing = this.#closing.get(signature); closing; closing = this.#closing.get(signature)) await closing;
    const shared = this.#shared.get(signature) ?? (await this.#makeOnce(signature, create, limits));
    shared.leases++;
    const subscription = await this.#subscribe(signature, shared);
    let released: Promise<void> | undefined;
    const release = (): Promise<void> => {
      released ??= this.#release(signature, shared, subscription);
      return released;
    };
    try {
      await shared.opened;
    } catch (error) {
      await release();
      throw error;
    }
    const freeze = (): Promise<string | undefined> => {
      shared.frozen ??= shared.source.freeze?.() ?? Promise.resolve(undefined);
      return shared.frozen;
    };
    return { source: shared.source, bus: subscription, busStatus: () => shared.bus.status(), freeze, release };
  }

  /**
   * Keeps a source open while the caller replaces the last pipe on it. Without an open source of that signature it does
   * nothing.
   *
   * The caller has to call the returned function afterwards, or the source is never closed. Calling it again does
   * nothing.
   */
  hold(signature: string): () => Promise<void> {
    const shared = this.#shared.get(signature);
    if (shared === undefined) return async () => undefined;
    shared.leases++;
    let released: Promise<void> | undefined;
    return () => {
      released ??= this.#leave(signature, shared);
      return released;
    };
  }

  #makeOnce(signature: string, create: CreateSource, limits: BusLimits): Promise<Shared> {
    const known = this.#making.get(signature);
    if (known !== undefined) return known;
    const making = this.#make(signature, create, limits).finally(() => this.#making.delete(signature));
    this.#making.set(signature, making);
    return making;
  }

  async #make(signature: string, create: CreateSource, limits: BusLimits): Promise<Shared> {
    const source = await create();
    const pump = new BusPump({ source, clock: this.#clock, logger: this.#logger });
    // A cursor collapses changes into directories only for a source that can read single directories again.
    const maxDirty = source.rescan === undefined ? 0 : (limits.maxDirty ?? MOST_DIRTY);
    const { lastStateIsEnough = true } = source;
    const busLimits = { ...limits, maxDirty, lastStateIsEnough };
    const onSettled = source.acknowledged && ((change: Change) => source.acknowledged?.(change));
    const openFeed: OpenFeed = (index, position) => pump.start(bus, index, position);
    const bus: EventBus = await this.#makeBus(source, { limits: busLimits, openFeed, ...omitUndefined({ onSettled }) });
    const abort = new AbortController();
    const opened = source.open({ signal: abort.signal }).catch((error: unknown) => {
      throw error instanceof FustorError
        ? error
        : new FustorError("FUSTOR_INTERNAL", `the source did not open: ${describeError(error)}`, { cause: error });
    });
    const shared: Shared = { source, bus, pump, opened, abort, leases: 0, frozen: undefined };
    this.#shared.set(signature, shared);
    return shared;
  }

  async #makeBus(source: SourceDriver, settings: Omit<EventBusSettings, "clock">): Promise<EventBus> {
    const { limits, openFeed, onSettled } = settings;
    if (this.#createBus === undefined) return new ChainBus(limits, this.#clock, openFeed, onSettled);
    try {
      return guardedBus(createdBus(this.#createBus, { ...settings, clock: this.#clock }));
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  async #subscribe(signature: string, shared: Shared): Promise<BusSubscription> {
    try {
      return shared.bus.subscribe();
    } catch (error) {
      await this.#leave(signature, shared);
      throw error;
    }
  }

  async #release(signature: string, shared: Shared, subscription: BusSubscription): Promise<void> {
    subscription.close();
    await this.#leave(signature, shared);
  }

  async #leave(signature: string, shared: Shared): Promise<void> {
    if (--shared.leases > 0) return;
    this.#shared.delete(signature);
    const closing = this.#close(shared);
    this.#closing.set(signature, closing);
    await closing;
    if (this.#closing.get(signature) === closing) this.#closing.delete(signature);
  }

  async #close(shared: Shared): Promise<void> {
    shared.abort.abort();
    try {
      await shared.pump.stop();
      await shared.source.close();
    } catch (error) {
      this.#logger.warn({}, `a source did not close cleanly: ${describeError(error)}`);
    }
  }
}
