import { expect, test } from "vitest";
import { paceOf, SnapshotMeter } from "../../../../src/pipe/bulk/snapshot-meter.ts";
import { type Logger, silentLogger } from "../../../../src/sdk/index.ts";

test("the pace is rows by time, and the rest at that pace when a total is known", () => {
  expect(paceOf({ rows: 5000 }, 2000)).toEqual({ rowsPerSecond: 2500 });
  expect(paceOf({ rows: 5000, expectedRows: 20_000 }, 2000)).toEqual({ rowsPerSecond: 2500, etaMs: 6000 });
  expect(paceOf({ rows: 30, expectedRows: 20 }, 10)).toEqual({ rowsPerSecond: 3000, etaMs: 0 });
  expect(paceOf({ rows: 0, expectedRows: 20 }, 0)).toEqual({ rowsPerSecond: 0 });
});

test("a running snapshot is told of every ten seconds, with percent when a total is known, and not after its end", () => {
  let now = 0;
  let due: (() => void) | undefined;
  const lines: [unknown, string][] = [];
  const logger: Logger = { ...silentLogger, info: (facts, text) => void lines.push([facts, text]) };
  const progress = { rows: 0, expectedRows: 4000 };
  const ambience = {
    now: () => now,
    setTimer: (ms: number, run: () => void) => {
      expect(ms).toBe(10_000);
      due = run;
      return () => {
        due = undefined;
      };
    },
  };
  const meter = new SnapshotMeter(ambience, logger, () => progress);
  expect(meter.pace).toBeUndefined();
  meter.begin();
  now = 10_000;
  progress.rows = 1000;
  due?.();
  expect(lines).toEqual([
    [{ rows: 1000, expectedRows: 4000, percent: 25, rowsPerSecond: 100, etaMs: 30_000 }, "the snapshot is at 25 %"],
  ]);
  expect(meter.pace).toEqual({ rowsPerSecond: 100, etaMs: 30_000 });
  expect(due).toBeDefined();
  meter.end();
  expect([due, meter.pace]).toEqual([undefined, undefined]);
});

test("a snapshot is told of again and again, from its own beginning on, without percent when no total is known", () => {
  const clock = new VirtualTimers();
  const lines: string[] = [];
  const facts: string[][] = [];
  const info: Logger["info"] = (told, text) => {
    lines.push(text);
    facts.push(Object.keys(told));
  };
  const logger: Logger = { ...silentLogger, info };
  let expectedRows: number | undefined = 0;
  const meter = new SnapshotMeter(clock, logger, () => ({
    rows: 100,
    ...(expectedRows === undefined ? {} : { expectedRows }),
  }));
  clock.pass(5_000);
  meter.begin();
  meter.begin();
  clock.pass(10_000);
  expect([lines, meter.pace?.rowsPerSecond]).toEqual([["the snapshot goes on"], 10]);
  expectedRows = undefined;
  clock.pass(10_000);
  expectedRows = 50;
  clock.pass(10_000);
  expect(lines).toEqual(["the snapshot goes on", "the snapshot goes on", "the snapshot is at 100 %"]);
  expect(facts.map((keys) => keys.includes("percent"))).toEqual([false, false, true]);
  meter.end();
  clock.pass(30_000);
  expect(lines).toHaveLength(3);
});

test("a pause is not part of the pace, nothing is told of it, and without a pass there is none", () => {
  const clock = new VirtualTimers();
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, info: (_, text) => void lines.push(text) };
  const meter = new SnapshotMeter(clock, logger, () => ({ rows: 100 }));
  meter.pause();
  meter.resume();
  expect(meter.pace).toBeUndefined();
  meter.begin();
  clock.pass(5_000);
  meter.pause();
  clock.pass(60_000);
  expect([meter.pace, lines]).toEqual([undefined, []]);
  meter.resume();
  clock.pass(5_000);
  expect([meter.pace, lines]).toEqual([{ rowsPerSecond: 10 }, []]);
  clock.pass(5_000);
  expect(lines).toEqual(["the snapshot goes on"]);
  meter.pause();
  meter.end();
  meter.resume();
  clock.pass(60_000);
  expect([meter.pace, lines.length]).toEqual([undefined, 1]);
});

class VirtualTimers {
  #now = 0;
  readonly #timers = new Map<() => void, number>();
  readonly now = (): number => this.#now;
  readonly setTimer = (ms: number, callback: () => void): (() => void) => {
    this.#timers.set(callback, this.#now + ms);
    return () => this.#timers.delete(callback);
  };
  pass(ms: number): void {
    this.#now += ms;
    for (const [callback, at] of [...this.#timers]) {
      if (at > this.#now) continue;
      this.#timers.delete(callback);
      callback();
    }
  }
}
