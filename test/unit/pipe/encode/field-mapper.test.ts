import { describe, expect, it } from "vitest";
import { FieldMapper } from "../../../../src/pipe/encode/field-mapper.ts";
import type { FieldRule } from "../../../../src/sdk/index.ts";

const row = Object.freeze({ path: "/a", size: 12, flag: "Yes", text: "7", nothing: null, when: 1.75 });
const map = (...rules: FieldRule[]): object => new FieldMapper(rules).map(row);
const rule = (to: string, ...source: string[]): FieldRule => ({ to, source });

describe("fields_mapping", () => {
  it("without rules passes the very same row", () => {
    expect(new FieldMapper([]).map(row)).toBe(row);
  });

  it("keeps only what it names, under the new names", () => {
    expect(map(rule("where", "path"), rule("bytes", "size"))).toEqual({ where: "/a", bytes: 12 });
  });

  it("builds nested objects from dotted targets", () => {
    expect(map(rule("file.path", "path"), rule("file.stat.size", "size"))).toEqual({
      file: { path: "/a", stat: { size: 12 } },
    });
  });

  it.each([
    ["size:string", "12"],
    ["size:str", "12"],
    ["text:integer", 7],
    ["text:int", 7],
    ["text:number", 7],
    ["text:float", 7],
    ["when:integer", 1],
    ["flag:boolean", true],
    ["path:bool", false],
    ["size:bool", true],
    ["size:unheard", 12],
  ])("converts %s to %j", (source, value) => {
    expect(map(rule("x", source))).toEqual({ x: value });
  });

  it("keeps a value that does not convert", () => {
    expect(map(rule("x", "path:integer"), rule("y", "path:number"))).toEqual({ x: "/a", y: "/a" });
  });

  it("leaves out what is missing or null", () => {
    expect(map(rule("x", "absent"), rule("y", "nothing"), rule("z", "path"))).toEqual({ z: "/a" });
  });

  it("reads only the first source", () => {
    expect(map(rule("x", "absent", "path"))).toEqual({});
  });

  it("lets a constant win over the source, and a null constant yield nothing", () => {
    expect(map({ to: "x", source: ["path"], hardcodedValue: { value: 5 } })).toEqual({ x: 5 });
    expect(map({ to: "x", source: ["path"], hardcodedValue: { value: null } })).toEqual({});
    expect(map({ to: "x", source: [], hardcodedValue: { value: "c" } })).toEqual({ x: "c" });
  });

  it("skips rules without a target, and without a source and a constant", () => {
    expect(map(rule("", "path"), rule("x"), rule("y", "path"))).toEqual({ y: "/a" });
  });

  it("skips a rule whose parent is a plain value, and says so once", () => {
    const conflicts: string[] = [];
    const mapper = new FieldMapper([rule("a", "path"), rule("a.b", "size")], (target) => conflicts.push(target));
    expect([mapper.map(row), mapper.map(row)]).toEqual([{ a: "/a" }, { a: "/a" }]);
    expect(conflicts).toEqual(["a.b"]);
  });

  it("gives the same result twice and shares nothing between two results", () => {
    const mapper = new FieldMapper([rule("o.path", "path")]);
    const first = mapper.map(row) as { o: { path: string } };
    first.o.path = "changed";
    expect(mapper.map(row)).toEqual({ o: { path: "/a" } });
  });

  it("takes a field without a name for one, and a type behind it", () => {
    expect(new FieldMapper([rule("x", ":int")]).map({ "": "7", ":int": "8" })).toEqual({ x: 7 });
  });

  it("makes text of what JSON does not know, too", () => {
    const odd = new FieldMapper([rule("x", "big:string"), rule("y", "odd:string"), rule("z", "list:string")]);
    expect(odd.map({ big: 12n, odd: Number.NaN, list: [1, "a"] })).toEqual({ x: "12", y: "NaN", z: '[1,"a"]' });
  });

  it("builds objects under names that every object knows", () => {
    expect(map(rule("constructor.size", "size"))).toEqual({ constructor: { size: 12 } });
  });

  describe("and the word of an audit that a directory could not be listed", () => {
    const skipped = { ...row, audit_skipped: true };

    it("passes through, whatever the rules list", () => {
      const mapper = new FieldMapper([rule("where", "path")]);
      expect(mapper.map(skipped)).toEqual({ where: "/a", audit_skipped: true });
      expect(mapper.map(row)).toEqual({ where: "/a" });
    });

    it("is what a rule makes of it, if one does", () => {
      expect(new FieldMapper([rule("audit_skipped", "size")]).map(skipped)).toEqual({ audit_skipped: 12 });
      expect(new FieldMapper([rule("audit_skipped.why", "text")]).map(skipped)).toEqual({
        audit_skipped: { why: "7" },
      });
    });

    it("is no reason to send a row of which the rules leave nothing", () => {
      expect(new FieldMapper([rule("", "path")]).map(skipped)).toEqual({});
    });
  });

  it("cannot reach a prototype", () => {
    const mapped = map(rule("__proto__.polluted", "path"));
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(Object.keys(mapped)).toEqual(["__proto__"]);
  });
});
