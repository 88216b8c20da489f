import { expect, test } from "vitest";
import { BulkPace } from "../../../../src/pipe/send/bulk-pace.ts";

const WHOLE = 8_000_000;

function paceAt() {
  let now = 0;
  let late = false;
  const pace = new BulkPace(
    { events: 100, eventRows: 50, bytes: WHOLE },
    () => now,
    () => late,
  );
  const advance = (ms: number): void => {
    now += ms;
  };
  const setLate = (value: boolean): void => {
    late = value;
  };
  return { pace, advance, setLate };
}

test("without live changes a POST of bulk rows may hold what is configured", () => {
  const { pace } = paceAt();
  pace.noteBulk(1_000_000, 100);
  expect([pace.bytes, pace.events, pace.eventRows]).toEqual([WHOLE, 100, 50]);
});

test("while live changes come it holds what the receiver takes in the time of a live POST", () => {
  const { pace } = paceAt();
  pace.noteBulk(1_000_000, 10);
  pace.noteLive(5);
  expect(pace.bytes).toBe(500_000);
  for (let i = 0; i < 1000; i++) pace.noteLive(20);
  expect(pace.bytes).toBeGreaterThan(1_990_000);
  expect(pace.bytes).toBeLessThanOrEqual(2_000_000);
  for (let i = 0; i < 100; i++) pace.noteLive(2);
  expect(pace.bytes).toBeLessThan(210_000);
});

test("one slow POST of many does not make the next one large", () => {
  const { pace } = paceAt();
  pace.noteBulk(1_000_000, 10);
  for (let i = 0; i < 100; i++) pace.noteLive(4);
  pace.noteLive(100);
  expect(pace.bytes).toBeLessThan(500_000);
});

test("a second after the last live change it holds everything again", () => {
  const { pace, advance } = paceAt();
  pace.noteBulk(1_000_000, 10);
  pace.noteLive(5);
  advance(999);
  expect(pace.bytes).toBe(500_000);
  advance(1);
  expect(pace.bytes).toBe(WHOLE);
});

test("while live changes are late anyway it holds everything, or a snapshot would crawl", () => {
  const { pace, setLate } = paceAt();
  pace.noteBulk(1_000_000, 10);
  pace.noteLive(5);
  setLate(true);
  expect(pace.bytes).toBe(WHOLE);
  setLate(false);
  expect(pace.bytes).toBe(500_000);
});

test("before anything was measured it is modest, and never tiny nor more than configured", () => {
  const { pace } = paceAt();
  pace.noteLive(5);
  expect(pace.bytes).toBe(262_144);
  pace.noteBulk(100_000, 10_000);
  expect(pace.bytes).toBe(65_536);
  const small = new BulkPace(
    { events: 1, eventRows: 1, bytes: 1000 },
    () => 0,
    () => false,
  );
  small.noteLive(5);
  expect(small.bytes).toBe(1000);
});

test("a body of next to nothing tells nothing of how much the receiver takes", () => {
  const { pace } = paceAt();
  pace.noteBulk(1_000_000, 10);
  pace.noteBulk(200, 10);
  pace.noteLive(5);
  expect(pace.bytes).toBe(500_000);
});

test("a body of half of the least tells something", () => {
  const { pace } = paceAt();
  pace.noteBulk(32_767, 1);
  pace.noteLive(10);
  expect(pace.bytes, "nothing was measured").toBe(262_144);
  pace.noteBulk(32_768, 1);
  expect(pace.bytes).toBe(327_680);
});
