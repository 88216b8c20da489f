/**
 * Files that Fusion suspects to be half written: a leader asks which ones, looks at each again and sends what it saw.
 * Of one that is gone it sends nothing (Fusion would keep it, with a time of 0): the source reports its delete as a
 * live change. Any failure means that there is no task this time.
 */
import { sleep } from "../../bus/bus-clock.ts";
import {
  describeError,
  excerpt,
  type Logger,
  type SenderDriver,
  type SentinelUpdate,
  type SourceDriver,
} from "../../sdk/index.ts";
import { Signal } from "../../sdk/signal.ts";
import { boundedCall, linkedTo } from "../bounded-call.ts";
import type { SentinelCounters } from "../pipe-counters.ts";
import type { Ambience } from "../pipe-options.ts";
import type { Freshness } from "./freshness.ts";
import type { SessionState } from "./session-state.ts";

/** Looked at in one round; the receiver asks again for the rest. */
const MAX_PATHS = 1_000;
/** So much of the interval a round may come early: those of agents that began together come apart. */
const JITTER = 0.2;
/** A file system that does not answer must not hold up the next round for ever. */
const LONGEST_ROUND_MS = 60_000;

export interface SentinelParts {
  readonly source: SourceDriver;
  readonly sender: SenderDriver;
  readonly sessionId: string;
  /** 0 = off. */
  readonly intervalMs: number;
  readonly ambience: Ambience;
  readonly logger: Logger;
  readonly counters: SentinelCounters;
  readonly plan: { readonly state: SessionState };
  readonly freshness: Freshness;
}

export class Sentinel {
  readonly #parts: SentinelParts;
  readonly #asked = new Signal();
  #failing = false;
  #isOn = false;

  constructor(parts: SentinelParts) {
    this.#parts = parts;
  }

  /** Until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, sender, intervalMs } = this.#parts;
    if (intervalMs <= 0 || source.verify === undefined || sender.getSentinelTasks === undefined) return;
    this.#isOn = true;
    while (!signal.aborted) {
      await this.#untilDue(signal);
      if (!signal.aborted && this.#mayAct) await this.#boundedRound(signal);
    }
  }

  /** The next round begins now. False when there is none: switched off, not leading, or no session that is alive. */
  now(): boolean {
    if (!this.#isOn || !this.#mayAct) return false;
    this.#asked.raise();
    return true;
  }

  #untilDue(signal: AbortSignal): Promise<void> {
    const { ambience, intervalMs } = this.#parts;
    return linkedTo(signal, async (over) => {
      const pauseMs = intervalMs * (1 - JITTER * ambience.random());
      await Promise.race([sleep(ambience, pauseMs, over.signal), this.#asked.wait(over.signal)]);
      over.abort();
    });
  }

  /** Leading, and the session is alive as far as the agent knows. */
  get #mayAct(): boolean {
    return this.#parts.plan.state.kind === "leading" && this.#parts.freshness.isFresh();
  }

  async #boundedRound(signal: AbortSignal): Promise<void> {
    const { ambience, logger, counters } = this.#parts;
    try {
      await boundedCall(ambience, { boundMs: LONGEST_ROUND_MS, signal }, (bound) => this.#round(bound));
      this.#failing = false;
    } catch (error) {
      if (signal.aborted) return;
      counters.failures++;
      logger[this.#failing ? "debug" : "warn"]({}, `a sentinel check failed: ${describeError(error)}`);
      this.#failing = true;
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { source, sender, sessionId, counters, logger } = this.#parts;
    const task = await sender.getSentinelTasks?.(sessionId, { signal });
    if (task === undefined) return;
    if (task.type !== "suspect_check") {
      logger.debug({ type: excerpt(task.type) }, "Fusion has a sentinel task that is not known here");
      return;
    }
    const paths = task.paths.slice(0, MAX_PATHS);
    const seen = (await source.verify?.(paths, { signal })) ?? [];
    const updates = seen.flatMap((entry): SentinelUpdate[] => {
      if (!entry.exists) return [];
      const { modified_time: mtime, size } = entry.row;
      return typeof mtime === "number" && typeof size === "number"
        ? [{ path: entry.key, mtime, size, status: "exists" }]
        : [];
    });
    counters.rounds++;
    counters.checked += seen.length;
    counters.missing += seen.filter(({ exists }) => !exists).length;
    if (updates.length > 0 && this.#mayAct) await sender.sendSentinelFeedback?.(sessionId, updates, { signal });
  }
}
