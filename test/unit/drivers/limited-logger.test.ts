import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { limitedLogger } from "../../../src/drivers/guard/limited-logger.ts";
import type { Logger } from "../../../src/sdk/index.ts";

const lines: string[] = [];
const recording: Logger = {
  debug: (_, message) => lines.push(`debug ${message}`),
  info: (_, message) => lines.push(`info ${message}`),
  warn: (facts, message) => lines.push(`warn ${message} ${JSON.stringify(facts)}`),
  error: (_, message) => lines.push(`error ${message}`),
  child: () => recording,
};
let now = 0;
const limits = { burst: 5, perSecond: 2, maxChars: 100, now: () => now };

beforeEach(() => {
  lines.length = 0;
  now = 0;
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("a flood of warnings is cut short, counted, and hides no error", () => {
  const logger = limitedLogger(recording, "the source driver demo", limits);
  for (let at = 0; at < 1000; at++) logger.child({ at }).warn({}, "again");
  logger.error({}, "an error");
  expect(lines).toEqual([...Array(5).fill("warn again {}"), "error an error"]);
  vi.advanceTimersByTime(10_000);
  expect(lines.at(-1)).toContain("warn 995 further lines of the source driver demo were left out");
  now = 1_000;
  for (let at = 0; at < 10; at++) logger.warn({}, "later");
  expect(lines.filter((line) => line.includes("later"))).toHaveLength(2);
});

it("a line of a driver has a bound", () => {
  const logger = limitedLogger(recording, "the source driver demo", limits);
  logger.warn({ rows: "x".repeat(100_000) }, "y".repeat(100_000));
  expect(lines[0]?.length).toBeLessThan(300);
});
