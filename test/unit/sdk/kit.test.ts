import { expect, it } from "vitest";
import {
  AvailabilityState,
  bulkRows,
  type Change,
  ChangeFeed,
  FustorError,
  type RowChunk,
  retried,
  rowsOf,
} from "../../../src/sdk/kit.ts";
import { waitFor } from "../../support/wait-for.ts";

const signal = new AbortController().signal;
const rows = (count: number) => Array.from({ length: count }, (_, at) => ({ path: `/${at}` }));
const change = (at: number): Change => ({
  op: "insert",
  key: `/${at}`,
  row: { path: `/${at}` },
  sequence: at,
  isContainer: false,
});

it("rows in bulk wait until the receiver has given chunks back", async () => {
  const bulk = bulkRows(rows(10), { signal, sequence: () => 7, chunkRows: 2, chunksOut: 2 });
  const chunks: RowChunk[] = [];
  const reading = (async () => {
    for await (const chunk of bulk.chunks) chunks.push(chunk);
  })();
  await waitFor(() => chunks.length === 2, { timeoutMs: 5000, what: "two chunks" });
  await new Promise((resolve) => setImmediate(resolve));
  expect([chunks.length, bulk.progress().rows]).toEqual([2, 4]);
  for (let at = 0; at < 5; at++) {
    await waitFor(() => chunks.length > at, { timeoutMs: 5000, what: `chunk ${at}` });
    chunks[at]?.release();
  }
  await reading;
  expect(chunks.map(({ rowCount, groupSequence }) => [rowCount, groupSequence[0]])).toEqual(Array(5).fill([2, 7]));
});

it("the first row of an audit is alone, and the others wait for its answer", async () => {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const bulk = bulkRows(rows(3), { signal, sequence: () => 1, opened });
  const counts: number[] = [];
  for await (const chunk of bulk.chunks) {
    counts.push(chunk.rowCount);
    chunk.release();
    open();
  }
  expect(counts).toEqual([1, 2]);
});

it("rows in bulk end when they are not wanted any more, also while they wait", async () => {
  const abort = new AbortController();
  const bulk = bulkRows(rows(9), { signal: abort.signal, sequence: () => 1, chunkRows: 1, chunksOut: 1 });
  const iterator = bulk.chunks[Symbol.asyncIterator]();
  await iterator.next();
  const waiting = iterator.next();
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
});

it("changes come in batches and in order, and those before the first stream are left out", async () => {
  const feed = new ChangeFeed({ batchChanges: 2 });
  feed.add(change(0));
  const abort = new AbortController();
  const { batches, positionLost } = feed.stream({ signal: abort.signal });
  for (const at of [1, 2, 3]) feed.add(change(at));
  const seen: number[][] = [];
  for await (const { changes, sizeBytes, lagMs } of batches) {
    seen.push(changes.map(({ sequence }) => sequence));
    expect([sizeBytes > 0, lagMs >= 0]).toEqual([true, true]);
    if (seen.length === 2) abort.abort();
  }
  expect([positionLost, seen]).toEqual([true, [[1, 2], [3]]]);
});

it("a feed that is full fails its stream, and begins anew with the next", async () => {
  const feed = new ChangeFeed({ maxChanges: 2 });
  const first = feed.stream({ signal }).batches[Symbol.asyncIterator]();
  for (const at of [1, 2, 3, 4]) feed.add(change(at));
  await expect(first.next()).rejects.toMatchObject({ code: "FUSTOR_SOURCE_UNAVAILABLE", retryable: true });
  const second = feed.stream({ signal }).batches[Symbol.asyncIterator]();
  feed.add(change(5));
  expect(await second.next()).toMatchObject({ value: { changes: [{ key: "/5" }] } });
  feed.close();
  expect(await second.next()).toMatchObject({ done: true });
});

it("a call is repeated until it succeeds, may not be repeated, or is cancelled", async () => {
  const delays: number[] = [];
  const flaky = async (attempt: number) => {
    if (attempt < 3) throw new Error("not yet");
    return attempt;
  };
  const options = { signal, firstMs: 4, onFailure: (_: unknown, delayMs: number) => delays.push(delayMs) };
  expect(await retried(flaky, options)).toBe(3);
  expect(delays.map((delay, at) => delay >= 2 * 2 ** at && delay <= 4 * 2 ** at)).toEqual([true, true]);
  await expect(retried(flaky, { ...options, attempts: 2 })).rejects.toThrow("not yet");
  const never = () => Promise.reject(new FustorError("FUSTOR_SENDER_KEY_REFUSED", "no"));
  await expect(retried(never, options)).rejects.toMatchObject({ code: "FUSTOR_SENDER_KEY_REFUSED" });
  const abort = new AbortController();
  const repeated = retried(() => Promise.reject(new Error("no")), {
    signal: abort.signal,
    onFailure: () => abort.abort(),
  });
  await expect(repeated).rejects.toMatchObject({ code: "FUSTOR_ABORTED" });
});

it("availability is told when it changes, and to nobody after the end", () => {
  const availability = new AvailabilityState();
  const heard: string[] = [];
  const stop = availability.listen(({ state }) => heard.push(state));
  availability.set({ state: "available" });
  availability.set({ state: "available" });
  availability.set({ state: "unavailable", reason: "a" });
  availability.set({ state: "unavailable", reason: "b" });
  stop();
  availability.set({ state: "available" });
  expect(heard).toEqual(["available", "unavailable", "unavailable"]);
});

it("rows of an event are objects again, in whichever form they were", () => {
  const slices = [`{"path":"/a"},{"path":"/b"}`, "", `{"path":"/ä"}`].map((text) => new TextEncoder().encode(text));
  expect(rowsOf({ kind: "encoded", slices, count: 3 })).toEqual([{ path: "/a" }, { path: "/b" }, { path: "/ä" }]);
  expect(rowsOf({ kind: "objects", rows: [{ path: "/c" }] })).toEqual([{ path: "/c" }]);
});
