/** Live changes out of the watch engine: pulled in batches, woken by the engine, never more than one crossing a batch. */
import { setImmediate as turn } from "node:timers/promises";
import type { NativeWatch } from "../../native/addon.ts";
import type { Change, ChangeBatch } from "../../sdk/index.ts";

const BATCH_CHANGES = 1000;

/** Wakes the one who waits; a ring that comes while nobody waits is kept. */
export class Doorbell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, at once when it rang since the last wait, or when the signal aborts. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const stop = (): void => resolve();
        this.#wake = () => {
          signal.removeEventListener("abort", stop);
          resolve();
        };
        signal.addEventListener("abort", stop, { once: true });
      });
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}

export async function* liveBatches(
  watch: NativeWatch,
  doorbell: Doorbell,
  signal: AbortSignal,
): AsyncGenerator<ChangeBatch> {
  while (!signal.aborted) {
    const batch = watch.drain(BATCH_CHANGES);
    if (batch === null) {
      await doorbell.wait(signal);
    } else {
      const changes = JSON.parse(batch.json.toString("utf8")) as Change[];
      yield { changes, sizeBytes: batch.json.byteLength, lagMs: batch.lagMs };
      // A storm always has the next batch ready: without a turn of the event loop heartbeats, answers and commands would starve.
      await turn();
    }
  }
}
