/** What a benchmark says of a target: nothing, unless the run was long enough and on what the target was set for. */
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
}

interface Rounds {
  pairedRatio(theirs: object, ours: object): Ratio | undefined;
  verdictOf(ratio: Ratio | undefined, target: number | undefined, how: { atLeast: boolean; isMeant: boolean }): string;
}

const FILE = join(resolve(import.meta.dirname, "../../.."), "bench/support/rounds.mjs");
const { pairedRatio, verdictOf } = (await import(FILE)) as Rounds;

const took = (...seconds: readonly number[]) => ({ samples: seconds.map((each) => ({ seconds: each })) });

test("a ratio is that of the same rounds, with its range and how many they were", () => {
  expect(pairedRatio(took(2, 6, 3), took(1, 2, 1, 9))).toEqual({ median: 3, least: 2, most: 3, rounds: 3 });
  expect(pairedRatio(took(), took(1))).toBeUndefined();
});

test("a target is judged by five rounds and more, and only where it was meant", () => {
  const ratio = (rounds: number): Ratio => ({ median: 1.5, least: 1, most: 2, rounds });
  const least = { atLeast: true, isMeant: true };
  expect(verdictOf(ratio(5), 1, least)).toBe("met (1)");
  expect(verdictOf(ratio(5), 2, least)).toBe("missed (2)");
  expect(verdictOf(ratio(5), 1, { atLeast: false, isMeant: true })).toBe("missed (1)");
  expect(verdictOf(ratio(4), 2, least)).toBe("not judged (2)");
  expect(verdictOf(ratio(5), 2, { atLeast: true, isMeant: false })).toBe("not judged (2)");
  expect(verdictOf(undefined, 2, least)).toBe("");
});
