import { describe, expect, it } from "vitest";
import { backoffDelayMs } from "../../../src/pipe/backoff.ts";

const settings = { firstMs: 5_000, multiplier: 2, maxMs: 60_000, maxConsecutiveErrors: 5 };

describe("the pause after a failure", () => {
  it("has a bound that doubles up to the maximum", () => {
    const bounds = [1, 2, 3, 4].map((failures) => backoffDelayMs(settings, failures, 1));
    expect(bounds).toEqual([5_000, 10_000, 20_000, 40_000]);
    expect(backoffDelayMs({ ...settings, maxConsecutiveErrors: 99 }, 6, 1)).toBe(60_000);
  });

  it("has the maximum as its bound from the last tolerated failure on", () => {
    expect(backoffDelayMs(settings, 5, 1)).toBe(60_000);
    expect(backoffDelayMs({ ...settings, maxConsecutiveErrors: 2 }, 2, 1)).toBe(60_000);
  });

  it("is any part of its bound, but never nothing", () => {
    expect(backoffDelayMs(settings, 1, 0.25)).toBe(1_250);
    expect(backoffDelayMs(settings, 1, 0)).toBe(20);
    expect(backoffDelayMs({ ...settings, firstMs: 4 }, 1, 0)).toBe(4);
  });

  it("is at least what the receiver asked for, even beyond the maximum, and up to a quarter more", () => {
    expect(backoffDelayMs(settings, 1, 0, 90_000)).toBe(90_000);
    expect(backoffDelayMs(settings, 1, 0.5, 90_000)).toBe(101_250);
    expect(backoffDelayMs(settings, 1, 0.5, 10)).toBe(2_500);
  });
});
