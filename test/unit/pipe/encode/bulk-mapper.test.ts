import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { loadAddon } from "../../../../src/native/load.ts";
import { BulkMapper } from "../../../../src/pipe/encode/bulk-mapper.ts";
import { FieldMapper } from "../../../../src/pipe/encode/field-mapper.ts";
import { parseRow, type RowRange, rowText } from "../../../../src/pipe/encode/row-ranges.ts";
import type { CompileMapping } from "../../../../src/pipe/row-program.ts";
import type { FieldRule, Row, RowChunk } from "../../../../src/sdk/index.ts";
import { chunkOf } from "../../../support/row-chunks.ts";

const native: CompileMapping = (steps) => loadAddon().createRowMapper(steps);

const whole = (chunk: RowChunk): RowRange[] => (chunk.rowCount === 0 ? [] : [{ chunk, from: 0, to: chunk.rowCount }]);

const rowsOf = (ranges: readonly RowRange[]): unknown[] =>
  ranges.flatMap(({ chunk, from, to }) =>
    Array.from({ length: to - from }, (_, i) => JSON.parse(rowText(chunk, from + i))),
  );

/** As it would arrive: on the wire there is no -0 and nothing undefined. */
const onWire = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

function expected(rules: readonly FieldRule[], texts: readonly string[], conflicts: string[]): unknown[] {
  const mapper = new FieldMapper(rules, (target) => conflicts.push(target));
  const mapped = texts.map((text) => mapper.map(JSON.parse(text) as Row));
  return onWire(mapped.filter((row) => Object.keys(row).length > 0)) as unknown[];
}

const rule = (to: string, source?: string, constant?: { value: unknown }): FieldRule => ({
  to,
  source: source === undefined ? [] : [source],
  ...(constant === undefined ? {} : { hardcodedValue: constant }),
});

function mapNatively(rules: readonly FieldRule[], texts: readonly string[]): unknown[] {
  return rowsOf(new BulkMapper(new FieldMapper(rules), native).map(whole(chunkOf(texts))));
}

const NAMES = ["a", "b", "path", "size", "a b", "é", "__proto__", "constructor", '"', "x.y", ""];
const name = fc.constantFrom(...NAMES);
const odd = fc.constantFrom<unknown>(
  ...["true", "YES", "On", "1", "0", " 7 ", "007", "1.5", "-2.50", "5.", ".5", "1e3", "0x1f", "Infinity", "1e400", ""],
  ...["12abc", "/path", "\n", "é7", 'a"b', "\u212A", 1e21, 1e-7, 123456.789, 0.1, -0.5, 1.7e308, 5e-324, 2 ** 53],
  ...[null, true, false, 0, -1, {}, [], { a: { b: 1 } }, [1, "x"]],
);
const value = fc.oneof({ weight: 3, arbitrary: odd }, { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) });
const row = fc.dictionary(name, value, { maxKeys: 8 }).map((members) => JSON.stringify(members));
const type = fc.constantFrom("", "", ":int", ":integer", ":str", ":string", ":float", ":number", ":bool", ":nonsense");
const target = fc.array(fc.constantFrom("a", "b", "c", "__proto__", "", "1"), { minLength: 1, maxLength: 3 });
const anyRule: fc.Arbitrary<FieldRule> = fc.oneof(
  { weight: 5, arbitrary: fc.tuple(target, name, type).map(([to, from, as]) => rule(to.join("."), `${from}${as}`)) },
  {
    weight: 1,
    arbitrary: fc.tuple(target, value).map(([to, constant]) => rule(to.join("."), "a", { value: constant })),
  },
  { weight: 1, arbitrary: target.map((to) => rule(to.join("."))) },
);

describe("the row program", () => {
  test("maps random rows by random mappings to what the parsing mapper makes of them", () => {
    const seed = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 2 ** 31);
    console.info(`seed ${seed}`);
    fc.assert(
      fc.property(
        fc.array(anyRule, { minLength: 1, maxLength: 6 }),
        fc.array(row, { maxLength: 6 }),
        (rules, texts) => {
          const conflicts: string[] = [];
          const heard: string[] = [];
          const wanted = expected(rules, texts, conflicts);
          const mapper = new BulkMapper(new FieldMapper(rules, (told) => heard.push(told)), native);
          const chunk = chunkOf(texts);
          const before = Buffer.from(chunk.buffer);
          expect(onWire(rowsOf(mapper.map(whole(chunk))))).toEqual(wanted);
          expect(new Set(heard)).toEqual(new Set(conflicts));
          expect(before.equals(chunk.buffer)).toBe(true);
        },
      ),
      { seed, numRuns: 2000 },
    );
  });

  test("writes numbers as text exactly as JavaScript does", () => {
    const seed = Date.now() % 2 ** 31;
    console.info(`seed ${seed}`);
    const numbers = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.maxSafeInteger());
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1 }), (values) => {
        const texts = values.map((size) => JSON.stringify({ size }));
        expect(mapNatively([rule("s", "size:str")], texts)).toEqual(values.map((size) => ({ s: String(size) })));
      }),
      { seed, numRuns: 500 },
    );
  });

  test("does rows of the fs source alone, without a single one being parsed", () => {
    const texts = [
      '{"path":"/a/\\"b","file_name":"\\"b","size":12,"modified_time":1700000000.123456789,"is_directory":false}',
      '{"path":"/a","file_name":"a","size":4096,"modified_time":-1.500000000,"is_directory":true}',
    ];
    const rules = [
      rule("path", "path"),
      rule("meta.bytes", "size:int"),
      rule("meta.when", "modified_time:str"),
      rule("dir", "is_directory:int"),
      rule("host", undefined, { value: "nas-7" }),
    ];
    const mapper = new FieldMapper(rules);
    const chunk = chunkOf(texts);
    const done = native(mapper.steps).map(chunk.buffer, chunk.rowOffsets, 0, 2);
    expect(done.end).toBe(2);
    expect(rowsOf([{ chunk: { ...chunk, ...done }, from: 0, to: 2 }])).toEqual(
      texts.map((_, i) => mapper.map(parseRow(chunk, i))),
    );
  });

  test("goes on behind a row that only a full parser can do, in order", () => {
    const texts = ['{"a":1}', '{"\\u0061":2}', '{"a":3}', '{"a":[4]}', "{}", '{"a":5}'];
    expect(mapNatively([rule("t", "a:str")], texts)).toEqual([
      { t: "1" },
      { t: "2" },
      { t: "3" },
      { t: "[4]" },
      { t: "5" },
    ]);
  });

  test("a row that is no JSON fails as it does without the program", () => {
    expect(() => mapNatively([rule("t", "a")], ['{"a":'])).toThrow(SyntaxError);
  });

  test("rows outside the chunk are refused", () => {
    const chunk = chunkOf(['{"a":1}']);
    const program = native(new FieldMapper([rule("t", "a")]).steps);
    expect(() => program.map(chunk.buffer, chunk.rowOffsets, 0, 2)).toThrow(RangeError);
    expect(() => program.map(chunk.buffer.subarray(0, 3), chunk.rowOffsets, 0, 1)).toThrow(RangeError);
  });
});
