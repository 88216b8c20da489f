import { expect, test } from "vitest";
import { BatchLimits } from "../../../../src/pipe/send/batch-limits.ts";

function limitsAt(): { limits: BatchLimits; advance: (ms: number) => void } {
  let now = 0;
  const limits = new BatchLimits({ events: 100, eventRows: 50, bytes: 1_000_000 }, () => now);
  const advance = (ms: number): void => {
    now += ms;
  };
  return { limits, advance };
}

test("without a refusal the configured size holds", () => {
  const { limits } = limitsAt();
  expect([limits.bytes, limits.isReduced]).toEqual([1_000_000, false]);
  expect([limits.events, limits.eventRows]).toEqual([100, 50]);
});

test("a body that was too large halves what the next ones hold, and another one halves that", () => {
  const { limits } = limitsAt();
  limits.refused(800_000);
  expect([limits.bytes, limits.isReduced]).toEqual([400_000, true]);
  limits.refused(400_000);
  expect(limits.bytes).toBe(200_000);
  limits.refused(900_000);
  expect(limits.bytes).toBe(100_000);
});

test("what was learned is forgotten after ten minutes, not before", () => {
  const { limits, advance } = limitsAt();
  limits.refused(800_000);
  advance(599_999);
  expect(limits.bytes).toBe(400_000);
  advance(1);
  expect([limits.bytes, limits.isReduced]).toEqual([1_000_000, false]);
});

test("a larger body that was taken raises the limit again, never beyond the configured one", () => {
  const { limits } = limitsAt();
  limits.refused(100_000);
  limits.accepted(20_000);
  expect(limits.bytes).toBe(50_000);
  limits.accepted(70_000);
  expect(limits.bytes).toBe(70_000);
  limits.accepted(5_000_000);
  expect(limits.bytes).toBe(1_000_000);
});

test("it never learns to send next to nothing", () => {
  const { limits } = limitsAt();
  for (let i = 0; i < 50; i++) limits.refused(10);
  expect(limits.bytes).toBe(4096);
});

test("a refusal never allows more than was configured", () => {
  const limits = new BatchLimits({ events: 1, eventRows: 1, bytes: 1000 }, () => 0);
  limits.refused(1000);
  expect([limits.bytes, limits.isReduced]).toEqual([1000, false]);
});
