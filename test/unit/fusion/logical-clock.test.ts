import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LogicalClock } from "../../../src/fusion/logical-clock.ts";

const NOW = 1_000_000;
const still = { wallSeconds: () => NOW, monotonicMs: () => 0 };

function skewAfter(ages: readonly number[], window?: number): number {
  const clock = new LogicalClock(still, window);
  for (const age of ages) clock.sample(NOW - age);
  return NOW - clock.now();
}

/** The smallest of the most common ones. */
function mostCommon(ages: readonly number[]): number {
  const count = (age: number): number => ages.filter((other) => other === age).length;
  return [...ages].sort((a, b) => count(b) - count(a) || a - b)[0] as number;
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

  it("agrees with counting the window afresh after every sample, after a reset too", () => {
    const ages = fc.array(fc.integer({ min: -2, max: 2 }), { maxLength: 40 });
    fc.assert(
      fc.property(ages, ages, fc.integer({ min: 1, max: 6 }), (before, after, window) => {
        const clock = new LogicalClock(still, window);
        for (const part of [before, after]) {
          for (const [i, age] of part.entries()) {
            clock.sample(NOW - age);
            expect(NOW - clock.now()).toBe(mostCommon(part.slice(0, i + 1).slice(-window)));
          }
          clock.reset();
          expect(clock.now()).toBe(NOW);
        }
      }),
    );
  });

  it("agrees with counting the window afresh when it is asked after many samples", () => {
    const ages = fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(ages, fc.integer({ min: 1, max: 6 }), (all, window) => {
        expect(skewAfter(all, window)).toBe(mostCommon(all.slice(-window)));
      }),
    );
  });
});
