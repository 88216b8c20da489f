import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogicalClock } from "../../../src/fusion/logical-clock.ts";

const NOW = 1_000_000;
const still = { wallSeconds: () => NOW, monotonicMs: () => 0 };

function skewAfter(ages: readonly number[]): number {
  const clock = new LogicalClock(still);
  for (const age of ages) clock.sample(NOW - age);
  return NOW - clock.now();
}

describe("LogicalClock", () => {
  it("follows the first sample at once", () => {
    expect(skewAfter([100])).toBe(100);
  });

  it("prefers the smallest of equally common differences", () => {
    expect(skewAfter([10, 20])).toBe(10);
    expect(skewAfter([20, 10])).toBe(10);
    expect(skewAfter([20, 10, 20])).toBe(20);
  });

  it("cuts fractions towards zero, for times in the future too", () => {
    expect(skewAfter([9.9])).toBe(9);
    expect(skewAfter([-5.6])).toBe(-5);
  });

  it("forgets samples beyond the latest ten thousand", () => {
    const old = Array.from({ length: 8000 }, () => 50);
    const fresh = (count: number): number[] => Array.from({ length: count }, () => 5);
    expect(skewAfter([...old, ...fresh(4999)])).toBe(50);
    expect(skewAfter([...old, ...fresh(5000)])).toBe(5);
  });

  it("agrees with counting the window afresh after every sample", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 10_050, maxLength: 10_150 }), (ages) => {
        const counts = [0, 0, 0, 0];
        for (const age of ages.slice(-10_000)) counts[age] = (counts[age] ?? 0) + 1;
        expect(skewAfter(ages)).toBe(counts.indexOf(Math.max(...counts)));
      }),
      { numRuns: 20 },
    );
  });
});
