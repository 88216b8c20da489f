/** A bus with a clock that stands still, and short words for what is put into it and taken out of it. */
import { ChainBus } from "../../src/bus/chain-bus.ts";
import type { BusBatch, BusLimits, BusSubscription, OpenFeed } from "../../src/sdk/event-bus.ts";
import type { Change } from "../../src/sdk/index.ts";

export class TestClock {
  wall = 1_790_000_000_000;
  now = (): number => this.wall;
  wallClock = (): number => this.wall;
  random = (): number => 0.5;
  setTimer = (): (() => void) => () => undefined;
}

export const upsert = (key: string, sequence: number, isContainer = false): Change => ({
  op: "update",
  key,
  row: { path: key, n: sequence },
  sequence,
  isContainer,
});
export const removal = (key: string, sequence: number, isContainer = false): Change => ({
  op: "delete",
  key,
  row: { path: key },
  sequence,
  isContainer,
});

export function makeBus(limits: Partial<BusLimits> = {}, openFeed?: OpenFeed): { bus: ChainBus; clock: TestClock } {
  const clock = new TestClock();
  return { bus: new ChainBus({ maxChanges: 1_000, maxBytes: 1e9, ...limits }, clock, openFeed), clock };
}

export const publish = (bus: ChainBus, ...changes: Change[]): void =>
  bus.publish({ changes, sizeBytes: changes.length * 100, lagMs: 0 });

export function takeBatch(subscription: BusSubscription, maxChanges = 1e9, maxBytes = 1e9): BusBatch {
  const taken = subscription.take(maxChanges, maxBytes);
  if (taken?.kind !== "batch") throw new Error(`no batch: ${JSON.stringify(taken)}`);
  return taken;
}

export const keysOf = (batch: BusBatch): string[] => batch.changes.map(({ key }) => key);
