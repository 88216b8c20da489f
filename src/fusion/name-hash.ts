import { randomFillSync } from "node:crypto";

/** 64 random bits, drawn once per process: a user who may name files cannot choose names that fall into one slot. */
const [KEY_LOW, KEY_HIGH] = randomFillSync(new Uint32Array(2)) as unknown as [number, number];

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by));

/**
 * HalfSipHash-1-3 (Aumasson and Bernstein) of a number and a name's UTF-16 units, two a word. With FNV and a random
 * start, names that collide for one start usually collide for all. Here an outsider who does not know the key cannot
 * find names that collide.
 */
export function halfSipHash(low: number, high: number, first: number, name: string): number {
  let v0 = low;
  let v1 = high;
  let v2 = low ^ 0x6c796765;
  let v3 = high ^ 0x74656462;
  const words = (name.length >>> 1) + 2;
  // The number, pairs of units, what is left with the length, and three rounds of the end.
  for (let word = 0, at = 0; word < words + 3; word++) {
    let taken = 0;
    if (word === 0) {
      taken = first;
    } else if (word < words) {
      const last = word === words - 1;
      const unit = at < name.length ? name.charCodeAt(at) : 0;
      taken = last ? (name.length << 24) | unit : unit | (name.charCodeAt(at + 1) << 16);
      at += 2;
    } else if (word === words) {
      v2 ^= 0xff;
    }
    v3 ^= taken;
    v0 = (v0 + v1) | 0;
    v1 = rotate(v1, 5) ^ v0;
    v0 = rotate(v0, 16);
    v2 = (v2 + v3) | 0;
    v3 = rotate(v3, 8) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = rotate(v3, 7) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = rotate(v1, 13) ^ v2;
    v2 = rotate(v2, 16);
    v0 ^= taken;
  }
  return v1 ^ v3;
}

export const hashOf = (parent: number, name: string): number => halfSipHash(KEY_LOW, KEY_HIGH, parent, name);
