import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fitRows,
  halveRanges,
  parseRange,
  parseRow,
  rangeBytes,
  rangeRows,
  rangeSlice,
} from "../../../../src/pipe/encode/row-ranges.ts";
import { chunkOf } from "../../../support/row-chunks.ts";

describe("a range of rows", () => {
  const chunk = chunkOf(['{"n":0}', '{"n":11}', '{"n":222}', '{"n":3}']);

  it("is the rows' own bytes, commas between them and none after", () => {
    const range = { chunk, from: 1, to: 3 };
    expect(Buffer.from(rangeSlice(range)).toString()).toBe('{"n":11},{"n":222}');
    expect(rangeBytes(range)).toBe(rangeSlice(range).byteLength);
    expect(rangeSlice(range).buffer).toBe(chunk.buffer.buffer);
    expect(parseRow(chunk, 2)).toEqual({ n: 222 });
    expect(parseRange(range)).toEqual([{ n: 11 }, { n: 222 }]);
  });

  it("fits as many rows as rows and bytes allow, but at least one", () => {
    expect(fitRows(chunk, 0, 4, 10, 1_000)).toBe(4);
    expect(fitRows(chunk, 0, 4, 2, 1_000)).toBe(2);
    expect(fitRows(chunk, 0, 4, 10, 17)).toBe(2);
    expect(fitRows(chunk, 0, 4, 10, 16)).toBe(1);
    expect(fitRows(chunk, 1, 4, 10, 20)).toBe(3);
    expect(fitRows(chunk, 2, 4, 10, 0)).toBe(3);
    expect(fitRows(chunk, 1, 3, 10, 1_000)).toBe(3);
  });

  it("of one row cannot be halved", () => {
    expect(halveRanges([{ chunk, from: 1, to: 2 }])).toBeUndefined();
  });

  it("and several of them split into halves that hold every row once, in order", () => {
    const ranges = fc.array(fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 5 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(ranges, (picks) => {
        const whole = picks.map(([from, length]) => ({ chunk, from, to: from + length }));
        const rows = (list: readonly { from: number; to: number }[]): number[] =>
          list.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
        const halves = halveRanges(whole);
        expect(halves === undefined).toBe(rows(whole).length === 1);
        if (halves === undefined) return;
        const [first, second] = halves;
        expect([...rows(first), ...rows(second)]).toEqual(rows(whole));
        expect([...first, ...second].every((range) => rangeRows(range) > 0)).toBe(true);
        expect(Math.abs(rows(first).length - rows(second).length)).toBeLessThan(2);
      }),
    );
  });
});
