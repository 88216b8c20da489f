/** What `createAgent` takes in place of its own: our parts and those of a program keep the same contracts. */
import { describe, expect, test } from "vitest";
import { guardedStore } from "../../../src/agent/state/guarded-store.ts";
import { FileStateStore } from "../../../src/agent/state/state-store.ts";
import { ChainBus } from "../../../src/bus/chain-bus.ts";
import { guardedBus } from "../../../src/bus/guarded-bus.ts";
import { systemAmbience } from "../../../src/pipe/system-ambience.ts";
import {
  type BusBatch,
  type CreateEventBus,
  type OpenStateStore,
  type StateStore,
  silentLogger,
} from "../../../src/sdk/kit.ts";
import {
  type ContractCheck,
  describeEventBus,
  describeStateStore,
  eventBusChecks,
  stateStoreChecks,
} from "../../../src/sdk/testing/contract-suites.ts";
import { MemoryBus } from "../../support/memory-bus.ts";
import { openMemoryState } from "../../support/memory-state.ts";

describe("the bus of the agent", () =>
  describeEventBus(({ limits, openFeed, onSettled }) => new ChainBus(limits, systemAmbience, openFeed, onSettled)));
describe("a bus of lists", () => describeEventBus((settings) => guardedBus(new MemoryBus(settings))));
describe("the files of the agent", () =>
  describeStateStore(({ home, hostId, logger, owner }) => FileStateStore.open(home, hostId, logger, { owner })));
describe("a state in memory", () => describeStateStore(openMemoryState));

async function broken(checks: readonly ContractCheck[]): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const { name, run } of checks) await run().catch(() => failed.push(name));
  return failed;
}

const busWith =
  (change: (bus: MemoryBus) => void): CreateEventBus =>
  (settings) => {
    const bus = new MemoryBus(settings);
    change(bus);
    return bus;
  };

test.each<[string, CreateEventBus, string]>([
  [
    "forgets what was not committed",
    (settings) => {
      const bus = new MemoryBus(settings);
      const subscribe = bus.subscribe.bind(bus);
      bus.subscribe = () => Object.assign(subscribe(), { rewind: () => undefined });
      return bus;
    },
    "hands out again",
  ],
  ["tells nobody of a loss", busWith((bus) => Object.assign(bus, { reportLoss: () => undefined })), "of a loss"],
  [
    "loses what is too much",
    busWith((bus) => Object.assign(bus, { publish: quietly(bus) })),
    "nor lose a change unsaid",
  ],
])("a bus that %s is caught", async (_, create, rule) => {
  const failed = await broken(eventBusChecks(create));
  expect(failed.some((name) => name.includes(rule))).toBe(true);
});

/** Cuts off the older half of a list that is too long. */
const quietly = (bus: MemoryBus) => {
  const publish = MemoryBus.prototype.publish.bind(bus);
  return (batch: Parameters<MemoryBus["publish"]>[0]): void => {
    for (const { waiting } of bus.cursors) if (waiting.length > 400) waiting.splice(0, 200);
    publish(batch);
  };
};

const storeWith =
  (change: (store: StateStore, context: Parameters<OpenStateStore>[0]) => Partial<StateStore>): OpenStateStore =>
  async (context) => {
    const store = await openMemoryState(context);
    return { ...store, ...change(store, context) };
  };

test.each<[string, OpenStateStore, string]>([
  [
    "hands sessions to any receiver",
    storeWith((store) => ({ pipeStoreOf: (pipe, _, rows) => store.pipeStoreOf(pipe, "any", rows) })),
    "for the same receiver",
  ],
  [
    "knows no hosts",
    (context) => openMemoryState({ ...context, hostId: "any" }),
    "hands no session back on another host",
  ],
  [
    "asks after no owner",
    (context) => openMemoryState({ ...context, owner: { self: "", isGone: async () => true } }),
    "only when the run that opened it has ended",
  ],
])("a store that %s is caught", async (_, open, rule) => {
  const failed = await broken(stateStoreChecks(open));
  expect(failed.some((name) => name.includes(rule))).toBe(true);
});

test("what a state store throws at once comes as a promise where one is awaited", async () => {
  const fails = (): never => {
    throw new Error("no paper");
  };
  const said: string[] = [];
  const logger = { ...silentLogger, error: ({ err }: { err?: Error }): void => void said.push(String(err?.message)) };
  const deleted = { load: fails, note: fails, forget: fails, replace: fails };
  const ofPipe = { rememberedSession: fails, rememberSession: fails, checkpoint: fails, close: fails, deleted };
  const store = guardedStore(
    {
      pipeStoreOf: () => ({ ...ofPipe, lastSnapshotRows: () => 7 }),
      sourceStoreOf: () => ({ recall: fails, remember: fails }),
      indexPathOf: fails,
      flush: fails,
    } as unknown as StateStore,
    logger,
  );
  const pipe = store.pipeStoreOf("p", "r");
  const answers = [pipe.rememberedSession(), pipe.checkpoint?.(), pipe.deleted?.load(), store.indexPathOf("s")];
  expect(answers.map((answer) => answer instanceof Promise)).toEqual([true, true, true, true]);
  expect(await Promise.all(answers)).toEqual([undefined, undefined, undefined, undefined]);
  expect(pipe.lastSnapshotRows?.()).toBe(7);
  expect(said).toContain("the state store of a pipe that createAgent was given: checkpoint failed: no paper");
});

test("a defect is told as that of the part", () => {
  const settings = {
    limits: { maxChanges: 10, maxBytes: 1000 },
    clock: systemAmbience,
    openFeed: () => ({ positionLost: false }),
  };
  const given = "that createAgent was given:";
  const noPublish = Object.assign(new MemoryBus(settings), { publish: undefined });
  expect(() => guardedBus(noPublish as unknown as MemoryBus)).toThrow(
    `the event bus ${given} it has no method publish`,
  );
  const throwing = Object.assign(new MemoryBus(settings), {
    publish: () => {
      throw new Error("out of paper");
    },
  });
  const batch = { changes: [], sizeBytes: 0, lagMs: 0 };
  expect(() => guardedBus(throwing).publish(batch)).toThrow(`the event bus ${given} publish failed: out of paper`);
  const empty = new MemoryBus(settings);
  const cursor = Object.assign(empty.subscribe(), {
    take: () => ({ kind: "batch", changes: [] }) as unknown as BusBatch,
  });
  empty.subscribe = () => cursor;
  expect(() => guardedBus(empty).subscribe().take(1, 1)).toThrow("take returned a batch without changes");
});
