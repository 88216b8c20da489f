import { expect, test } from "vitest";
import { Freshness } from "../../../../src/pipe/session/freshness.ts";

test("a session is fresh for its timeout, counted from when the last question with a good answer was sent", () => {
  let now = 100;
  const freshness = new Freshness({ now: () => now }, 50, 90);
  expect([freshness.isFresh(), freshness.remainingMs()]).toEqual([true, 40]);
  now = 140;
  expect(freshness.isFresh()).toBe(false);
  freshness.note(120);
  expect([freshness.isFresh(), freshness.remainingMs()]).toEqual([true, 30]);
});
