/**
 * Sends batches one after the other, each until the receiver took it.
 *
 *   - trouble of the moment (unreachable, busy, nonsense, key refused): the same batch again after a pause, nothing
 *     overtakes it;
 *   - too large, or refused content: in halves, down to the single row that is bad, which is set aside;
 *   - session lost: the error goes up, nothing more is sent.
 *
 * Nothing is sent once the last good heartbeat is older than the session's timeout: the receiver may have expired the
 * session and would still say 200 to rows that reach nobody.
 */

import {
  type Acknowledgement,
  describeError,
  FustorError,
  isFustorError,
  type Logger,
  type SenderDriver,
} from "../../sdk/index.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import { Pause } from "../bounded-call.ts";
import type { Ambience, PoisonRow } from "../pipe-options.ts";
import type { Batch } from "./batch.ts";
import { type BatchLimits, LEAST_BATCH_BYTES } from "./batch-limits.ts";

export type DeliveryEvent =
  | {
      readonly kind: "batch accepted";
      readonly batch: Batch;
      readonly answer: Acknowledgement;
      readonly sentAt: number;
      /** The attempt that was accepted. */
      readonly tookMs: number;
    }
  /** For its content: it is set aside. */
  | { readonly kind: "row refused"; readonly row: PoisonRow }
  | { readonly kind: "call failed"; readonly error: unknown };

export interface DeliveryParts {
  readonly sender: SenderDriver;
  readonly sessionId: string;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  /** Whether the receiver still has the session, as far as the agent can know. */
  readonly freshness: { isFresh(): boolean };
  readonly emit: (event: DeliveryEvent) => void;
  /** Learns from bodies that were too large. */
  readonly limits: BatchLimits;
}

export interface DeliverOptions {
  readonly signal: AbortSignal;
  /** Asked before each attempt: give up what is left. */
  readonly isCancelled?: () => boolean;
}

/** After so many rows set aside with nothing accepted in between, it is hardly the rows' fault. */
const SUSPICIOUS_RUN = 100;
/** So often so little is sent again although it was called too large: that was hardly about the row. */
const TINY_CHANCES = 6;

export class Delivery {
  readonly #parts: DeliveryParts;
  #failures = 0;
  #poisonRun = 0;
  readonly #between = new Pause();
  #failFast = false;
  /** Those given to a row before it is set aside. */
  readonly #chances = new WeakMap<Batch, number>();

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
  }

  /** Ends a pause between two attempts, because the receiver may be better or the batch not wanted any more. */
  wake(): void {
    this.#between.cutShort();
  }

  /** From now on a failed attempt is thrown instead of repeated. */
  failFast(): void {
    this.#failFast = true;
    this.wake();
  }

  /**
   * True when all was accepted (or set aside), false when it was cancelled. Throws FUSTOR_SESSION_LOST and
   * FUSTOR_ABORTED.
   */
  async deliver(batches: readonly Batch[], options: DeliverOptions): Promise<boolean> {
    const waiting = [...batches].reverse();
    for (let batch = waiting.pop(); batch !== undefined; batch = waiting.pop()) {
      const outcome = await this.#send(batch, options);
      if (outcome.kind === "cancelled") return false;
      if (outcome.kind === "refused") {
        const halves = batch.halve();
        if (halves !== undefined) waiting.push(halves[1], halves[0]);
        else if (await this.#setAside(batch, outcome.error, options)) waiting.push(batch);
      }
    }
    return true;
  }

  /** Until it was accepted, refused for its content, or cancelled. */
  async #send(batch: Batch, options: DeliverOptions): Promise<SendOutcome> {
    for (;;) {
      if (options.isCancelled?.() === true) return { kind: "cancelled" };
      this.#assertMaySend(options.signal);
      const envelope = batch.envelope();
      if (envelope.events.length === 0 && !envelope.isEnd && envelope.metadata === undefined) return this.#done(batch);
      batch.sending();
      const sentAt = this.#parts.ambience.now();
      let answer: Acknowledgement;
      try {
        answer = await this.#parts.sender.push(this.#parts.sessionId, envelope, { signal: options.signal });
      } catch (error) {
        if (isContentRefusal(error) && (batch.rowCount > 0 || batch.isExpendable === true))
          return this.#refused(batch, error);
        await this.#pause(error, options.signal);
        continue;
      }
      this.#failures = 0;
      this.#poisonRun = 0;
      const done = this.#done(batch);
      const tookMs = this.#parts.ambience.now() - sentAt;
      this.#parts.emit({ kind: "batch accepted", batch, answer, sentAt, tookMs });
      return done;
    }
  }

  #refused(batch: Batch, error: unknown): SendOutcome {
    if (isFustorError(error, "FUSTOR_BATCH_TOO_LARGE")) {
      const { limits, logger } = this.#parts;
      const wasReduced = limits.isReduced;
      limits.refused(batch.sizeBytes());
      if (!wasReduced) logger.info({ bytes: limits.bytes }, "the receiver takes only smaller batches");
    }
    return { kind: "refused", error };
  }

  #done(batch: Batch): SendOutcome {
    if (this.#parts.limits.isReduced) this.#parts.limits.accepted(batch.sizeBytes());
    batch.accepted();
    return { kind: "accepted" };
  }

  #assertMaySend(signal: AbortSignal): void {
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "sending was cancelled");
    if (!this.#parts.freshness.isFresh()) {
      throw new FustorError("FUSTOR_SESSION_LOST", "no heartbeat was answered for as long as the session lives", {
        details: { expired: true },
      });
    }
  }

  async #pause(error: unknown, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "sending was cancelled", { cause: error });
    if (isFustorError(error, "FUSTOR_SESSION_LOST")) throw error;
    this.#parts.emit({ kind: "call failed", error });
    if (this.#failFast) throw error;
    this.#failures++;
    const retryAfterMs = error instanceof FustorError ? error.retryAfterMs : undefined;
    const { backoff, ambience, logger } = this.#parts;
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random(), retryAfterMs);
    const log = this.#failures === 1 ? "warn" : "debug";
    logger[log](
      { failures: this.#failures, delayMs: Math.round(delayMs) },
      `a batch is sent again: ${describeError(error)}`,
    );
    await this.#between.sleep(ambience, delayMs, signal);
  }

  /**
   * True = try it once more. A receiver that suddenly refuses everything must not empty the stream row by row: after a
   * long run with nothing accepted each further row gets the longest pause and a second chance first. A small row that
   * is called too large gets a few chances at once: something on the way may refuse every body for a moment.
   */
  async #setAside(batch: Batch, error: unknown, options: DeliverOptions): Promise<boolean> {
    const reason = describeError(error);
    const { backoff, ambience } = this.#parts;
    const isTiny = isFustorError(error, "FUSTOR_BATCH_TOO_LARGE") && batch.sizeBytes() < LEAST_BATCH_BYTES;
    const isSuspicious = this.#poisonRun >= SUSPICIOUS_RUN;
    const used = this.#chances.get(batch) ?? 0;
    if (!this.#failFast && used < Math.max(isSuspicious ? 1 : 0, isTiny ? TINY_CHANCES : 0)) {
      this.#chances.set(batch, used + 1);
      this.#parts.emit({ kind: "call failed", error });
      const delayMs = isSuspicious ? backoff.maxMs : backoffDelayMs(backoff, used + 1, ambience.random());
      await this.#between.sleep(ambience, delayMs, options.signal);
      return true;
    }
    this.#poisonRun++;
    const text = batch.row();
    const row: PoisonRow = {
      key: batch.key(),
      phase: batch.phase,
      reason,
      ...(text === undefined ? {} : { row: text }),
    };
    this.#parts.logger.error(
      { row: row.key, phase: row.phase },
      `a row was set aside, the receiver refuses it: ${reason}`,
    );
    this.#parts.emit({ kind: "row refused", row });
    return false;
  }
}

type SendOutcome =
  | { readonly kind: "accepted" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "refused"; readonly error: unknown };

const isContentRefusal = (error: unknown): boolean =>
  isFustorError(error, "FUSTOR_BATCH_REFUSED") || isFustorError(error, "FUSTOR_BATCH_TOO_LARGE");
