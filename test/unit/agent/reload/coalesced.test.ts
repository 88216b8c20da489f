import { expect, test } from "vitest";
import { Coalesced } from "../../../../src/agent/reload/coalesced.ts";

/** Work that ends when the test says so, and counts how much of it runs at once. */
function manual() {
  const open: { resolve(value: number): void; reject(error: Error): void }[] = [];
  const seen = { runs: 0, atOnce: 0, most: 0 };
  const work = async (): Promise<number> => {
    seen.runs++;
    seen.atOnce++;
    seen.most = Math.max(seen.most, seen.atOnce);
    try {
      return await new Promise<number>((resolve, reject) => open.push({ resolve, reject }));
    } finally {
      seen.atOnce--;
    }
  };
  return { open, seen, coalesced: new Coalesced(work) };
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

test("any number of requests during a run cost one run more, whose result all of them get", async () => {
  const { open, seen, coalesced } = manual();
  const first = coalesced.request();
  const others = Array.from({ length: 50 }, () => coalesced.request());
  expect(seen.runs).toBe(1);
  open[0]?.resolve(1);
  expect(await first).toBe(1);
  await turns();
  expect(seen.runs).toBe(2);
  open[1]?.resolve(2);
  expect(new Set(await Promise.all(others))).toEqual(new Set([2]));
  await turns();
  expect(seen).toEqual({ runs: 2, atOnce: 0, most: 1 });
});

test("a request at any moment around the end of a run is followed by a run that began after it, never beside another", async () => {
  for (let moment = 0; moment < 12; moment++) {
    const { open, seen, coalesced } = manual();
    void coalesced.request();
    void coalesced.request();
    open[0]?.resolve(1);
    for (let turn = 0; turn < moment; turn++) await Promise.resolve();
    const runsBefore = seen.runs;
    const late = coalesced.request();
    for (let run = 1; run < 4; run++) {
      await turns();
      open[run]?.resolve(run + 1);
    }
    expect(await late).toBeGreaterThan(runsBefore);
    expect(seen.most).toBe(1);
  }
});

test("a run that fails fails for those who asked for it and not for the next", async () => {
  const { open, coalesced } = manual();
  const first = coalesced.request();
  const second = coalesced.request();
  open[0]?.reject(new Error("no"));
  await expect(first).rejects.toThrow("no");
  await turns();
  open[1]?.resolve(2);
  expect(await second).toBe(2);
});
