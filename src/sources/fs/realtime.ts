/**
 * Live changes out of the watch engine, pulled in batches: one call into C++ for each. The engine raises `readable` when
 * there is something to pull.
 */
import { setImmediate as turn } from "node:timers/promises";
import type { NativeWatch } from "../../native/watch.ts";
import type { Change, ChangeBatch } from "../../sdk/index.ts";
import type { Signal } from "../../sdk/signal.ts";

export async function* liveBatches(
  watch: NativeWatch,
  readable: Signal,
  signal: AbortSignal,
  onIdle: () => void,
): AsyncGenerator<ChangeBatch> {
  while (!signal.aborted) {
    const batch = watch.drain();
    if (batch === null) {
      onIdle();
      await readable.wait(signal);
    } else {
      const changes = JSON.parse(batch.json.toString("utf8")) as Change[];
      const { lagMs, mark } = batch;
      yield { changes, sizeBytes: batch.json.byteLength, lagMs, ...(mark === undefined ? {} : { mark }) };
      // In a storm the next batch is always ready: without a turn of the event loop, heartbeats, answers and commands
      // would wait for its end.
      await turn();
    }
  }
}
