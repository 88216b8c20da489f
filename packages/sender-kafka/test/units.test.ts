/** The pure parts: partitions, addresses, values, and the index against a plain Map. */
import { expect, test } from "vitest";
import { seededRandom } from "../../../test/support/temp-tree.ts";
import { brokersOf } from "../src/check-entry.ts";
import { fingerprintOf } from "../src/fingerprint.ts";
import { KeyIndex, Mark } from "../src/key-index.ts";
import { partitionOf } from "../src/murmur2.ts";
import { valueBytes } from "../src/rows.ts";
import { topicOf } from "../src/settings.ts";

test("partitions are those of the Java client", () => {
  const hashes: Readonly<Record<string, number>> = {
    "21": -973932308,
    foobar: -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [key, hash] of Object.entries(hashes)) {
    expect(partitionOf(Buffer.from(key), 1_000_003)).toBe((hash & 0x7fffffff) % 1_000_003);
  }
});

test("addresses", () => {
  expect(brokersOf("kafka://a.example:9093,[::1]:9094, b/")).toEqual([
    { host: "a.example", port: 9093 },
    { host: "::1", port: 9094 },
    { host: "b", port: 9092 },
  ]);
  for (const wrong of ["", "http://a:1", "a:b", "user:secret@a:9092", "a:99999", "a,,b"]) {
    expect(brokersOf(wrong), wrong).toBeUndefined();
  }
  expect(topicOf("fustor.{agent}.{pipe}", "host:7 ä:orders")).toBe("fustor.host_7__.orders");
});

test("a value does not depend on the way the row came", () => {
  const row = { path: "/a", size: 1, is_directory: false };
  const audit = { ...row, parent_path: "/", parent_mtime: 1 };
  const same = [row, audit, { ...row, is_atomic_write: true }].map((each) => valueBytes(each, "fs").toString());
  expect(new Set(same)).toEqual(new Set([JSON.stringify(row)]));
  expect(valueBytes({ ...row, is_atomic_write: false }, "fs").toString()).toContain("is_atomic_write");
  expect(valueBytes(audit, "shop").toString()).toBe(JSON.stringify(audit));
});

/** Whether one key is the other, or lies below it. */
const isBelow = (key: string, top: string): boolean =>
  key === top || (top === "/" ? key.startsWith("/") : key.startsWith(`${top}/`));

test("the index is a Map that knows what lies below", () => {
  const seed = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1_000_000);
  console.log(`seed ${seed} (FUSTOR_TEST_SEED repeats it)`);
  const random = seededRandom(seed);
  const pick = (count: number): number => Math.floor(random() * count);
  const names = ["a", "b", "ä ‛FF", "x".repeat(40), ""];
  const keyOf = (): string => {
    const path = Array.from({ length: 1 + pick(4) }, () => names[pick(4)]).join("/");
    return pick(10) === 0 ? path : pick(40) === 0 ? "/" : pick(40) === 0 ? `//${path}` : `/${path}`;
  };
  const index = new KeyIndex();
  const model = new Map<string, number>();
  for (let step = 0; step < 5_000; step++) {
    const key = keyOf();
    if (pick(3) > 0) {
      const node = index.put(key);
      expect(index.keyOf(node)).toBe(key);
      index.learn(node, fingerprintOf(Buffer.from(String(step))));
      model.set(key, step);
    } else if (pick(4) === 0 && !key.startsWith("//")) {
      const node = index.find(key);
      const below = node === 0 ? [] : index.below(node);
      const expected = [...model.keys()].filter((each) => isBelow(each, key) && !each.startsWith("//"));
      expect(below.map((each) => index.keyOf(each)).sort(), key).toEqual(expected.sort());
      for (const each of below) index.remove(each);
      for (const each of expected) model.delete(each);
    } else {
      const node = index.find(key);
      expect(node !== 0 && index.has(node, Mark.live), key).toBe(model.has(key));
      if (model.has(key)) {
        expect(index.holds(node, fingerprintOf(Buffer.from(String(model.get(key)))))).toBe(true);
        index.remove(node);
        model.delete(key);
      }
    }
    expect(index.size).toBe(model.size);
  }
  expect(
    index
      .without(Mark.listed)
      .map((node) => index.keyOf(node))
      .sort(),
  ).toEqual([...model.keys()].sort());
});

test("names of many entries that come and go", () => {
  const index = new KeyIndex();
  const long = "n".repeat(60);
  for (let round = 0; round < 4; round++) {
    for (let at = 0; at < 12_000; at++) index.put(`/d${at % 50}/${long}${at}-${round}`);
    for (let at = 1; at < 12_000; at++) index.remove(index.find(`/d${at % 50}/${long}${at}-${round}`));
  }
  expect(index.size).toBe(4);
  const left = index.without(Mark.listed).map((node) => index.keyOf(node));
  expect(left.sort()).toEqual([0, 1, 2, 3].map((round) => `/d0/${long}0-${round}`));
});
