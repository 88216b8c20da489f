/** Keeps a session alive by its own clock, whatever the pushes do, and reports the answers. */

import { sleep } from "../../bus/bus-clock.ts";
import { FustorError, type HeartbeatAnswer, isFustorError, type SenderDriver, type Session } from "../../sdk/index.ts";
import { boundedCall, LateCall } from "../bounded-call.ts";
import type { Ambience } from "../pipe-options.ts";
import type { Freshness } from "./freshness.ts";

const SHORTEST_INTERVAL_MS = 100;
/** So much of the interval a heartbeat may come early. */
const JITTER = 0.2;
/** The least time that a request gets; the most is an interval, so that a hung one leaves time for others. */
const SHORTEST_ATTEMPT_MS = 250;

export type HeartbeatEvent =
  | {
      readonly kind: "heartbeat answered";
      readonly answer: HeartbeatAnswer;
      /** When the question was sent. */
      readonly sentAt: number;
      /** The one before failed. */
      readonly recovered: boolean;
    }
  | { readonly kind: "call failed"; readonly error: unknown };

export interface HeartbeatParts {
  readonly sender: SenderDriver;
  readonly session: Session;
  readonly freshness: Freshness;
  readonly ambience: Ambience;
  /** Whether the stream was polled in this session. */
  readonly stream: { readonly hasPolled: boolean };
  readonly emit: (event: HeartbeatEvent) => void;
}

export class Heartbeat {
  readonly #parts: HeartbeatParts;
  readonly #timeoutMs: number;
  readonly #intervalMs: number;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
    this.#timeoutMs = parts.session.sessionTimeoutMs;
    this.#intervalMs = Math.max(SHORTEST_INTERVAL_MS, parts.session.leastHeartbeatMs ?? 0, this.#timeoutMs / 3);
  }

  /**
   * Beats at once and then until the signal aborts (resolves) or the session is lost (rejects with
   * FUSTOR_SESSION_LOST).
   */
  async run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const sentAt = this.#parts.ambience.now();
      const failure = await this.#beat(sentAt, failures > 0, signal);
      if (signal.aborted) return;
      if (isFustorError(failure, "FUSTOR_SESSION_LOST")) throw failure;
      failures = failure === undefined ? 0 : failures + 1;
      if (!this.#parts.freshness.isFresh()) throw this.#expired();
      const { ambience, freshness, session } = this.#parts;
      const goneMs = ambience.now() - sentAt;
      const pauseMs = failures === 0 ? this.#beatMs() - goneMs : this.#retryMs();
      // A session that lives shorter than that is lost rather than kept alive by a flood.
      const leastMs = failures === 0 ? (session.leastHeartbeatMs ?? 0) - goneMs : 0;
      await sleep(ambience, Math.max(0, leastMs, Math.min(pauseMs, freshness.remainingMs())), signal);
    }
  }

  /** Undefined = good. */
  async #beat(sentAt: number, recovering: boolean, signal: AbortSignal): Promise<unknown> {
    const { sender, session, ambience, stream, freshness, emit } = this.#parts;
    const boundMs = Math.min(
      Math.max(this.#intervalMs, SHORTEST_ATTEMPT_MS),
      Math.max(1, this.#parts.freshness.remainingMs()),
    );
    try {
      const request = { canRealtime: stream.hasPolled };
      const answer = await boundedCall(ambience, { boundMs, signal }, (bound) =>
        sender.heartbeat(session.sessionId, request, { signal: bound }),
      );
      freshness.note(sentAt);
      emit({ kind: "heartbeat answered", answer, sentAt, recovered: recovering });
      return undefined;
    } catch (error) {
      const failure =
        error instanceof LateCall
          ? new FustorError("FUSTOR_SENDER_UNREACHABLE", `no answer to a heartbeat within ${Math.round(boundMs)} ms`)
          : (error ?? new Error("a heartbeat failed without a reason"));
      if (!signal.aborted && !isFustorError(failure, "FUSTOR_SESSION_LOST"))
        emit({ kind: "call failed", error: failure });
      return failure;
    }
  }

  /** Earlier by a random part of the interval, so that the heartbeats of pipes that started together spread out. */
  #beatMs(): number {
    const { session, ambience } = this.#parts;
    return Math.max(this.#intervalMs * (1 - JITTER * ambience.random()), session.leastHeartbeatMs ?? 0);
  }

  /** Sooner than the next regular one, at a random moment for the same reason. */
  #retryMs(): number {
    const quarter = this.#intervalMs / 4;
    const least = Math.max(SHORTEST_INTERVAL_MS / 2, (this.#parts.session.leastHeartbeatMs ?? 0) / 4);
    return Math.max(least, quarter * (0.5 + this.#parts.ambience.random() / 2));
  }

  #expired(): FustorError {
    return new FustorError(
      "FUSTOR_SESSION_LOST",
      `no heartbeat was answered for ${this.#timeoutMs / 1000} s, as long as the session lives`,
      { details: { expired: true } },
    );
  }
}
