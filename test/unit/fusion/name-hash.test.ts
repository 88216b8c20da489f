import { describe, expect, test } from "vitest";
import { halfSipHash, hashOf } from "../../../src/fusion/name-hash.ts";

describe("the hash of names", () => {
  test("is the same for the same, and another one for another name, place or key", () => {
    expect(hashOf(1, "name")).toBe(hashOf(1, "name"));
    const all = new Set<number>();
    for (const name of ["", "a", "b", "ab", "ba", "abc", "a\u0100", "\u0061\u0001", "abcd", "abce", "abcd\u0000"]) {
      for (const parent of [0, 1, 2, 0x7fffffff]) {
        for (const [low, high] of [
          [0, 0],
          [1, 0],
          [0, 1],
        ] as const) {
          all.add(halfSipHash(low, high, parent, name));
        }
      }
    }
    expect(all.size).toBe(11 * 4 * 3);
  });

  test("spreads names that differ little over all slots", () => {
    const slots = new Map<number, number>();
    for (let n = 0; n < 65_536; n++) {
      const slot = hashOf(7, `${String.fromCharCode(0x8000 ^ n)}${n & 1}`) & 0xffff;
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    }
    expect(Math.max(...slots.values())).toBeLessThan(16);
  });
});
