/**
 * Live changes out of the watch engine: pulled in batches, woken by the engine, never more than one crossing a batch.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { NativeWatch } from "../../native/watch.ts";
import type { Change, ChangeBatch } from "../../sdk/index.ts";
import type { Signal } from "../../sdk/signal.ts";

const BATCH_CHANGES = 1000;

export async function* liveBatches(
  watch: NativeWatch,
  readable: Signal,
  signal: AbortSignal,
  onIdle: () => void,
): AsyncGenerator<ChangeBatch> {
  while (!signal.aborted) {
    const batch = watch.drain(BATCH_CHANGES);
    if (batch === null) {
      onIdle();
      await readable.wait(signal);
    } else {
      const changes = JSON.parse(batch.json.toString("utf8")) as Change[];
      yield { changes, sizeBytes: batch.json.byteLength, lagMs: batch.lagMs };
      // A storm always has the next batch ready: without a turn of the event loop heartbeats, answers and commands would starve.
      await turn();
    }
  }
}
