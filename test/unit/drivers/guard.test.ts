import { EventEmitter, getEventListeners } from "node:events";
import { expect, it, test } from "vitest";
import { z } from "zod";
import { guardedModule } from "../../../src/drivers/guard/guarded-module.ts";
import type { DriverOrigin } from "../../../src/drivers/origin.ts";
import {
  type AnyDriverModule,
  type Change,
  encodeRows,
  FustorError,
  type SenderDriver,
  type SenderModule,
  type SourceDriver,
  type SourceModule,
  silentLogger,
} from "../../../src/sdk/index.ts";
import { lasting } from "../../support/wait-for.ts";

const bounds = { callMs: 100, inspectMs: 100, chunkMs: 100, closeMs: 100, sendGraceMs: 100, heedMs: 50 };
const NAMED = "demo (fustor-source-demo 1.2.3)";
const origin: DriverOrigin = {
  kind: "source",
  name: "demo",
  package: "fustor-source-demo",
  version: "1.2.3",
  folder: "/drivers/demo",
  installedIn: "home",
};
const never = (): Promise<never> => new Promise(() => undefined);
const options = () => ({ signal: new AbortController().signal });
const fail = (): never => {
  throw new Error("out of luck");
};

async function* of<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

const rows = (count: number) => Array.from({ length: count }, (_, at) => ({ path: `/${at}` }));
const chunk = (more: object = {}) => ({ ...encodeRows(rows(2), { sequence: 1 }), ...more });
const change = (more: object = {}) => ({ op: "insert", key: "/a", row: {}, sequence: 1, isContainer: false, ...more });
const batch = (...changes: unknown[]) => ({ changes, sizeBytes: 1, lagMs: 0 });

const goodSource = {
  schema: "demo",
  table: "rows",
  fields: ["path"],
  uri: "demo:1",
  open: async () => undefined,
  getMessageIterator: () => ({ batches: of(batch(change())), positionLost: true }),
  getSnapshotIterator: () => ({ chunks: of(chunk()), progress: () => ({ rows: 0 }) }),
  status: () => ({ availability: { state: "available" } }),
  onAvailability: () => () => undefined,
  close: async () => undefined,
};

const goodSender = {
  createSession: async () => ({ sessionId: "s", role: "leader", sessionTimeoutMs: 1000 }),
  getLatestCommittedIndex: async () => undefined,
  heartbeat: async () => ({ role: "leader", commands: [], snapshotNeeded: false }),
  push: async () => ({ snapshotNeeded: false }),
  closeSession: async () => undefined,
  close: async () => undefined,
};

const module = (kind: "source" | "sender", driver: unknown, more: object = {}) =>
  guardedModule(
    { kind, name: "demo", aliases: [], schema: z.object({}), create: async () => driver, ...more } as AnyDriverModule,
    origin,
    bounds,
  );

function source(more: object = {}): Promise<SourceDriver> {
  const made = module("source", { ...goodSource, ...more }) as SourceModule;
  return made.create({ id: "s", logger: silentLogger }, { uri: "", params: {}, excludePaths: [] });
}

function sender(more: object = {}): Promise<SenderDriver> {
  const made = module("sender", { ...goodSender, ...more }) as SenderModule;
  return made.create({ id: "s", logger: silentLogger }, { uri: "", params: {}, timeoutMs: 50 });
}

/** The text of the defect that it ends with. */
async function defectOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (error) {
    expect(error).toMatchObject({ name: "FustorError", code: "FUSTOR_DRIVER_DEFECT", retryable: true });
    expect((error as FustorError).details).toMatchObject({ driver: "demo", package: "fustor-source-demo" });
    const { message, cause } = error as Error;
    expect(message).toContain(NAMED);
    return cause === undefined ? message : `${message}: ${(cause as Error).message}`;
  }
  return "no defect";
}

async function drained<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const seen: T[] = [];
  for await (const value of values) seen.push(value);
  return seen;
}

const live = async (getMessageIterator: unknown): Promise<unknown> =>
  drained((await source({ getMessageIterator })).getMessageIterator(-1, options()).batches);
const snapshot = async (chunks: unknown): Promise<unknown> =>
  drained(
    (await source({ getSnapshotIterator: () => ({ chunks, progress: fail }) })).getSnapshotIterator(options()).chunks,
  );

test.each<[string, () => unknown, string]>([
  [
    "create that hands over nothing",
    () => source({ open: undefined }),
    `create handed over a source without the method "open"`,
  ],
  ["a table without a name", () => source({ table: "" }), `a source whose "table" is no text`],
  ["open that throws", async () => (await source({ open: fail })).open(options()), "open failed: out of luck"],
  [
    "open that rejects with text",
    async () => (await source({ open: () => Promise.reject("no") })).open(options()),
    "open threw something that is no error: no",
  ],
  [
    "open that never answers",
    async () => (await source({ open: never })).open(options()),
    "open did not answer within 0.1 s",
  ],
  ["a stream that is none", () => live(() => undefined), `getMessageIterator handed over no stream`],
  ["a stream of the older contract", () => live(() => [of(), true]), "no stream"],
  [
    "a stream that ends",
    () => live(() => ({ batches: of(batch(change())), positionLost: true })),
    "getMessageIterator ended although nobody asked for it",
  ],
  [
    "a batch that is none",
    () => live(() => ({ batches: of(7), positionLost: true })),
    `a batch whose "changes" is no list`,
  ],
  [
    "an unknown operation",
    () => live(() => ({ batches: of(batch(change({ op: "upsert" }))), positionLost: true })),
    `"op" is neither`,
  ],
  [
    "a change without a row",
    () => live(() => ({ batches: of(batch(change({ row: null }))), positionLost: true })),
    `without a "row"`,
  ],
  [
    "a sequence that is text",
    () => live(() => ({ batches: of(batch(change({ sequence: "1" }))), positionLost: true })),
    `"sequence" is no number`,
  ],
  [
    "a position that is a number",
    () => live(() => ({ batches: of(batch(change({ position: 7 }))), positionLost: true })),
    `"position" is no text`,
  ],
  [
    "a beginning that is a number",
    () => live(() => ({ batches: of(), positionLost: true, position: 7 })),
    `a stream whose "position" is no text`,
  ],
  [
    "no snapshot",
    async () => (await source({ getSnapshotIterator: () => [] })).getSnapshotIterator(options()),
    "getSnapshotIterator handed over no rows",
  ],
  [
    "a chunk that never comes",
    () => snapshot({ [Symbol.asyncIterator]: () => ({ next: never }) }),
    "getSnapshotIterator did not answer within 0.1 s",
  ],
  ["a chunk without rows", () => snapshot(of(chunk({ rowCount: 0 }))), `"rowCount" is no number above 0`],
  [
    "offsets beyond the buffer",
    () => snapshot(of(chunk({ rowOffsets: Uint32Array.of(0, 14, 9999) }))),
    "do not fit its buffer",
  ],
  [
    "rows that are no objects",
    () => snapshot(of(chunk({ buffer: new Uint8Array(99) }))),
    "a row that is no JSON object",
  ],
  [
    "groups out of order",
    () => snapshot(of(chunk({ groupFirstRow: Uint32Array.of(0, 0), groupSequence: new Float64Array(2) }))),
    "groups do not ascend",
  ],
  ["a chunk without release", () => snapshot(of(chunk({ release: undefined }))), `without "release"`],
  [
    "verify with rubbish",
    async () => (await source({ verify: async () => [{}] })).verify?.(["/"], options()),
    "verify handed over no list",
  ],
  ["close that never answers", async () => (await source({ close: never })).close(), "close did not answer"],
  ["a sender without push", () => sender({ push: undefined }), `a sender without the method "push"`],
  [
    "a session without an id",
    async () => (await sender({ createSession: async () => ({}) })).createSession({} as never, options()),
    `a session without a "sessionId"`,
  ],
  [
    "a session of no role",
    async () =>
      (await sender({ createSession: async () => ({ sessionId: "s", role: "boss" }) })).createSession(
        {} as never,
        options(),
      ),
    `"role" is neither`,
  ],
  [
    "a heartbeat without commands",
    async () => (await sender({ heartbeat: async () => ({ role: "leader" }) })).heartbeat("s", {} as never, options()),
    `"commands" is no list`,
  ],
  [
    "push that acknowledges nothing",
    async () => (await sender({ push: async () => undefined })).push("s", {} as never, options()),
    "push handed over an acknowledgement",
  ],
  [
    "push that throws at once",
    async () => (await sender({ push: fail })).push("s", {} as never, options()),
    "push failed: out of luck",
  ],
  [
    "push that never answers",
    async () => (await sender({ push: never })).push("s", {} as never, options()),
    "push did not answer within 0.15 s",
  ],
  [
    "an index that is text",
    async () => (await sender({ getLatestCommittedIndex: async () => "7" })).getLatestCommittedIndex("s", options()),
    "an index that is no whole number",
  ],
])("%s is a defect that names driver, package and method", async (_, act, text) => {
  expect(await defectOf(act)).toContain(text);
});

it("what a driver says in the words of the contract is passed on, whichever copy of it said so", async () => {
  class FustorErrorOfAnotherCopy extends Error {
    override readonly name = "FustorError";
    readonly code = "FUSTOR_SESSION_LOST";
    readonly retryAfterMs = 5;
  }
  const push = () => Promise.reject(new FustorErrorOfAnotherCopy("gone"));
  const pushed = (await sender({ push })).push("s", {} as never, options());
  await expect(pushed).rejects.toBeInstanceOf(FustorError);
  await expect(pushed).rejects.toMatchObject({ code: "FUSTOR_SESSION_LOST", message: "gone", retryAfterMs: 5 });
});

it("a call is given up at once when its signal aborts, also when the driver does not heed it", async () => {
  const abort = new AbortController();
  const opened = (await source({ open: never })).open({ signal: abort.signal });
  abort.abort();
  await expect(opened).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
});

it("a push beyond its bound is told so, and none begins beside it", async () => {
  const signals: AbortSignal[] = [];
  let atOnce = 0;
  let most = 0;
  let end: () => void = () => undefined;
  const push = async (_: string, __: unknown, { signal }: { signal: AbortSignal }) => {
    signals.push(signal);
    most = Math.max(most, ++atOnce);
    if (signals.length === 1) {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    }
    atOnce--;
    return { snapshotNeeded: false };
  };
  const made = await sender({ push });
  const pushed = () => made.push("s", {} as never, options());
  expect(await defectOf(pushed)).toContain("push did not answer within 0.15 s");
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  expect(await defectOf(pushed)).toContain("push goes on although its signal aborted");
  expect(signals).toHaveLength(1);
  end();
  await expect(pushed()).resolves.toEqual({ snapshotNeeded: false });
  expect([most, signals.at(-1)?.aborted]).toEqual([1, false]);
});

it("a push that heeds its signal has ended before its failure is passed on", async () => {
  let ended = false;
  const push = async (_: string, __: unknown, { signal }: { signal: AbortSignal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await lasting(5, "what a driver does at the end");
    ended = true;
    throw new Error("aborted");
  };
  const abort = new AbortController();
  const pushed = (await sender({ push })).push("s", {} as never, { signal: abort.signal });
  abort.abort();
  await expect(pushed).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
  expect(ended).toBe(true);
});

it("an iteration that is given up is told so, also when the signal of its reader lasts", async () => {
  let own: AbortSignal | undefined;
  const chunks = { [Symbol.asyncIterator]: () => ({ next: never }) };
  const getSnapshotIterator = ({ signal }: { signal: AbortSignal }) => {
    own = signal;
    return { chunks, progress: () => ({ rows: 0 }) };
  };
  const bulk = (await source({ getSnapshotIterator })).getSnapshotIterator(options());
  expect(await defectOf(() => drained(bulk.chunks))).toContain("did not answer within");
  expect(own?.aborted).toBe(true);
});

it("calls leave no listeners on the signal of the caller", async () => {
  const { signal } = new AbortController();
  const made = await source();
  await made.open({ signal });
  await drained(made.getSnapshotIterator({ signal }).chunks);
  const failing = await source({ getSnapshotIterator: fail });
  expect(() => failing.getSnapshotIterator({ signal })).toThrow();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

it("a driver that always has the next value leaves the process its turns", async () => {
  async function* endless() {
    const begun = performance.now();
    while (performance.now() - begun < 10_000) yield batch(change());
  }
  const abort = new AbortController();
  const flooding = await source({ getMessageIterator: () => ({ batches: endless(), positionLost: true }) });
  const drain = drained(flooding.getMessageIterator(-1, { signal: abort.signal }).batches);
  const begun = performance.now();
  await lasting(50, "the flood");
  abort.abort();
  await expect(drain).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
  expect(performance.now() - begun).toBeLessThan(5_000);
});

it.each([
  ["throws", fail],
  ["has no availability", () => ({})],
  ["cannot be written as JSON", () => ({ availability: { state: "available" }, count: 1n })],
])("a status that %s is a note and no failure", async (_, status) => {
  const { availability, notes } = (await source({ status })).status();
  expect(availability).toEqual({ state: "starting" });
  expect(notes?.join()).toContain(NAMED);
});

it("positions of a source's own are passed on in both directions", async () => {
  let asked: unknown;
  const getMessageIterator = (_: number, { position }: { position?: string }) => {
    asked = position;
    return { batches: of(batch(change({ position: "2" }))), positionLost: false, position: "1" };
  };
  const stream = (await source({ getMessageIterator })).getMessageIterator(-1, { ...options(), position: "1" });
  expect([asked, stream.position, stream.positionLost]).toEqual(["1", "1", false]);
});

it("neither the address nor the status of a source shows its secrets", async () => {
  const uri = "db://me:secret@host/x?token=secret";
  const made = await source({ uri, status: () => ({ availability: { state: "unavailable", reason: `no ${uri}` } }) });
  expect(made.uri).toBe("db://host/x?token=***");
  expect(made.status()).toEqual({ availability: { state: "unavailable", reason: "no db://host/x?token=***" } });
});

it("progress, release and listeners that throw do not keep the rows from coming", async () => {
  const chunks = of(chunk({ release: fail }));
  const made = await source({ getSnapshotIterator: () => ({ chunks, progress: fail }), onAvailability: () => fail });
  const bulk = made.getSnapshotIterator(options());
  for (const each of await drained(bulk.chunks)) each.release();
  expect(bulk.progress()).toEqual({ rows: 2 });
  made.onAvailability(() => undefined)();
});

it("a good driver is passed through, its optional methods only when it has them", async () => {
  const emitter = new EventEmitter();
  const onAvailability = (listener: () => void) => {
    emitter.on("x", listener);
    return () => emitter.off("x", listener);
  };
  const made = await source({ onAvailability, confirm: () => true });
  expect([made.verify, made.rescan, made.getAuditIterator]).toEqual([undefined, undefined, undefined]);
  expect(made.confirm?.()).toBe(true);
  expect(made.acknowledged).toBeUndefined();
  await made.open(options());
  const seen: unknown[] = [];
  const stop = made.onAvailability((availability) => seen.push(availability));
  emitter.emit("x", { state: "available" });
  emitter.emit("x", { state: "who knows" });
  stop();
  expect([seen, emitter.listenerCount("x")]).toEqual([[{ state: "available" }], 0]);
  expect(await drained(made.getSnapshotIterator(options()).chunks)).toHaveLength(1);
  await Promise.all([made.close(), made.close()]);
});

it("a source passes on from which run it goes on, and what it leaves when it comes to rest", async () => {
  let generation: string | undefined;
  const resuming = {
    get resumedFrom() {
      return generation;
    },
    freeze: async () => "run-2",
  };
  const made = await source({});
  expect([made.freeze, made.resumedFrom]).toEqual([undefined, undefined]);
  const module_ = module("source", Object.assign(resuming, { ...goodSource })) as SourceModule;
  const going = await module_.create({ id: "s", logger: silentLogger }, { uri: "", params: {}, excludePaths: [] });
  generation = "run-1";
  expect(going.resumedFrom).toBe("run-1");
  expect(await going.freeze?.()).toBe("run-2");
});

it.each([
  ["throws", fail],
  ["never answers", never],
  ["hands over a number", async () => 7],
])("a source whose freeze %s begins anew", async (_, freeze) => {
  expect(await (await source({ freeze })).freeze?.()).toBeUndefined();
});

it("checks of a module that throw are problems of the entry", async () => {
  const problems: string[] = [];
  const check = { error: (_: string, what: string) => problems.push(what) } as never;
  const made = module("source", goodSource, { check: fail, inspect: never });
  expect(made.check?.({}, check)).toBeUndefined();
  expect(problems.join()).toContain(`${NAMED}: check failed`);
  const found = await made.inspect?.({ uri: "", params: {} });
  expect(found).toEqual([
    expect.objectContaining({ outcome: "fail", what: expect.stringContaining("inspect did not answer") }),
  ]);
  const throwing = module("source", goodSource, { schema: { shape: {}, safeParse: fail } });
  expect(throwing.schema.safeParse({}).error?.issues[0]?.message).toContain("safeParse of its schema failed");
});

it("a source hears what was acknowledged, and what it throws then goes no further", async () => {
  const heard: number[] = [];
  const acknowledged = ({ sequence }: Change): void => {
    heard.push(sequence);
    throw new Error("no");
  };
  const made = await source({ acknowledged });
  made.acknowledged?.({ op: "delete", key: "/a", row: { path: "/a" }, sequence: 7, isContainer: false });
  expect(heard).toEqual([7]);
});
