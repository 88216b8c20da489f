import { expect, test } from "vitest";
import { Tap, Taps } from "../../../src/admin/tap.ts";
import type { Change } from "../../../src/sdk/index.ts";

const change = (key: string, op: Change["op"] = "update"): Change => ({
  op,
  key,
  row: { path: key },
  sequence: 1,
  isContainer: false,
});

interface Shown {
  readonly key?: string;
  readonly count?: number;
}

const shown = (tap: Tap): readonly Shown[] =>
  [...tap.next().matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as Shown);

const many = (count: number): readonly Change[] => Array.from({ length: count }, (_, at) => change(`/f${at}`));

/** A clock that goes on by `stepMs` each time it is read. */
function clock(stepMs: number) {
  let now = 0;
  return {
    now: () => {
      now += stepMs;
      return now;
    },
    wallClock: () => 0,
    skip: (ms: number) => {
      now += ms;
    },
  };
}

const NO_BOUNDS = { looksMs: 1e9, changesPerSecond: 1e9, queued: 1e9 };

test("only what the glob and the kinds let through is shown", () => {
  const tap = new Tap({ filter: "*.csv", kinds: ["update"] });
  tap.take([change("/a.csv"), change("/b.txt"), change("/c.csv", "delete")]);
  expect(shown(tap)).toMatchObject([{ key: "/a.csv", op: "update", row: { path: "/a.csv" } }]);
  expect(tap.next()).toBe("");
});

test("a reader that takes nothing costs no more than its queue, and is told how much it did not get", () => {
  const tap = new Tap({ filter: undefined, kinds: [] }, { ...NO_BOUNDS, queued: 10 });
  for (let at = 0; at < 100; at++) tap.take(many(100));
  expect(shown(tap)).toHaveLength(11);
  tap.take(many(100));
  expect(shown(tap).at(-1)).toEqual({ count: 90 });
});

test("what comes too fast is left out until the next second", () => {
  const time = clock(0);
  const tap = new Tap({ filter: undefined, kinds: [] }, { ...NO_BOUNDS, changesPerSecond: 5 }, time);
  tap.take(many(8));
  expect(shown(tap).at(-1)).toEqual({ count: 3 });
  time.skip(1000);
  tap.take(many(4));
  expect(shown(tap)).toHaveLength(4);
});

test("looking takes a bounded part of each second, whatever is looked at", () => {
  const time = clock(4);
  const tap = new Tap({ filter: "*.none", kinds: [] }, { ...NO_BOUNDS, looksMs: 20 }, time);
  tap.take(many(1000));
  const [{ count = 0 } = {}] = shown(tap);
  expect(count).toBeGreaterThan(900);
  tap.take(many(1000));
  expect(shown(tap)).toEqual([{ count: 1000 }]);
});

test("a pipe is heard until its listener goes, and others are not", () => {
  const taps = new Taps();
  const heard: string[] = [];
  const stop = taps.listen("p", (changes) => heard.push(...changes.map(({ key }) => key)));
  taps.offer("q", [change("/q")]);
  taps.offer("p", [change("/p")]);
  stop();
  stop();
  taps.offer("p", [change("/late")]);
  expect(heard).toEqual(["/p"]);
});
