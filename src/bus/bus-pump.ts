import type { EventBus, FeedState, OpenedFeed } from "../sdk/event-bus.ts";
import { type ChangeBatch, describeError, type Logger, omitUndefined, type SourceDriver } from "../sdk/index.ts";
import { type BusClock, sleep } from "./bus-clock.ts";

export interface PumpBackoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

export interface PumpParts {
  readonly source: SourceDriver;
  readonly clock: BusClock;
  readonly logger: Logger;
  readonly backoff?: PumpBackoff;
}

const DEFAULT_BACKOFF: PumpBackoff = { firstMs: 200, maxMs: 30_000 };

/**
 * Pulls the realtime changes of a source into a bus. When the stream ends or fails, every subscriber sees that in
 * `feed`, and the pump opens the stream again from the last index or position. Its pauses grow while no change comes.
 */
export class BusPump {
  readonly #source: SourceDriver;
  readonly #clock: BusClock;
  readonly #logger: Logger;
  readonly #backoff: PumpBackoff;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(parts: PumpParts) {
    this.#source = parts.source;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#backoff = parts.backoff ?? DEFAULT_BACKOFF;
  }

  /** Opens the stream. Once per pump. */
  start(bus: EventBus, startPosition: number, position?: string): OpenedFeed {
    const first = this.#open(bus, startPosition, position);
    this.#running = this.#run(bus, first);
    if (first.kind === "failed") return { positionLost: true };
    const { positionLost, position: begin } = first;
    return omitUndefined({ positionLost, position: begin });
  }

  /** Resolves when the pump has stopped pulling. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** Where the bus says that it went on to. */
  #reopen(bus: EventBus): Opened {
    try {
      return this.#open(bus, bus.lastIndex, bus.lastPosition);
    } catch (error) {
      return { kind: "failed", error };
    }
  }

  #open(bus: EventBus, startPosition: number, position: string | undefined): Opened {
    try {
      const options = omitUndefined({ signal: this.#abort.signal, position });
      const stream = this.#source.getMessageIterator(startPosition, options);
      bus.beginsAt(stream.position);
      return { kind: "open", batches: stream.batches, positionLost: stream.positionLost, position: stream.position };
    } catch (error) {
      return { kind: "failed", error };
    }
  }

  async #run(bus: EventBus, first: Opened): Promise<void> {
    const { signal } = this.#abort;
    let failures = 0;
    let isLossUnsaid = false;
    for (let opened = first; ; opened = this.#reopen(bus)) {
      isLossUnsaid ||= failures > 0 && opened.kind === "open" && opened.positionLost;
      const sayLoss = (): void => {
        if (isLossUnsaid) bus.reportLoss("the source's stream was interrupted");
        isLossUnsaid = false;
      };
      const result = await this.#drain(bus, opened, sayLoss);
      if (signal.aborted) return;
      failures = result.delivered ? 1 : failures + 1;
      this.#sayFailed(bus, { state: "failed", reason: result.reason, failures });
      this.#logger.warn({ failures }, `the live stream of the source ended and is opened again: ${result.reason}`);
      const limit = Math.min(this.#backoff.maxMs, this.#backoff.firstMs * 2 ** Math.min(failures - 1, 20));
      await sleep(this.#clock, limit * (0.5 + this.#clock.random() / 2), signal);
      if (signal.aborted) return;
    }
  }

  /** A bus of the program may fail at that, too. */
  #sayFailed(bus: EventBus, feed: FeedState): void {
    try {
      bus.setFeed(feed);
    } catch (error) {
      this.#logger.error({ err: error }, "the event bus failed");
    }
  }

  /** Publishes until the stream is over. Never rejects: what the bus fails at ends the stream as well. */
  async #drain(
    bus: EventBus,
    opened: Opened,
    sayLoss: () => void,
  ): Promise<{ readonly delivered: boolean; readonly reason: string }> {
    if (opened.kind === "failed") return { delivered: false, reason: describeError(opened.error) };
    let delivered = false;
    try {
      sayLoss();
      bus.setFeed({ state: "live" });
      for await (const batch of opened.batches) {
        if (this.#abort.signal.aborted) break;
        bus.publish(batch);
        delivered = true;
      }
      return { delivered, reason: "it ended without a reason" };
    } catch (error) {
      return { delivered, reason: describeError(error) };
    }
  }
}

type Opened =
  | {
      readonly kind: "open";
      readonly batches: AsyncIterable<ChangeBatch>;
      readonly positionLost: boolean;
      readonly position: string | undefined;
    }
  | { readonly kind: "failed"; readonly error: unknown };
