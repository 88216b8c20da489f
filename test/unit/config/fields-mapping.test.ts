import { describe, expect, test } from "vitest";
import { configOf, dictForm, errorsOf, warningsOf } from "./reading.ts";

const mapping = (...rules: string[]): string =>
  dictForm({ pipe: ["fields_mapping:", ...rules.map((rule) => `  - ${rule}`)] });

const PATH = "{to: path, source: [path]}";

const rulesOf = (...rules: string[]) => configOf(mapping(...rules)).pipes.get("pipe-1")?.fieldsMapping;

describe("rules", () => {
  test.each([
    ["{to: name, source: [file_name]}", { to: "name", source: ["file_name"] }],
    ["{to: a.b, source: 'size:int'}", { to: "a.b", source: ["size:int"] }],
    ["{to: a, hardcoded_value: x}", { to: "a", source: [], hardcodedValue: { value: "x" } }],
    ["{to: a, source: [], hardcoded_value: {b: [1]}}", { to: "a", hardcodedValue: { value: { b: [1] } } }],
    ["{to: a, source: [b], hardcoded_value: null}", { to: "a", source: ["b"], hardcodedValue: { value: null } }],
  ])("%s is taken", (rule, expected) => {
    expect(rulesOf(PATH, rule)?.[1]).toMatchObject(expected);
    expect(warningsOf(mapping(PATH, rule))).toEqual([]);
  });

  test("a rule without a constant has no hardcodedValue at all", () => {
    expect(rulesOf(PATH)?.[0]).not.toHaveProperty("hardcodedValue");
  });

  test.each([
    ["{source: [a]}", 'fields_mapping[0]: "to" is missing'],
    ["{to: a}", "has neither a source nor a hardcoded_value"],
    ["{to: a, source: []}", "has neither a source nor a hardcoded_value"],
    ["{to: a..b, source: [c]}", "is no name of a field"],
    ["{to: __proto__.x, source: [c]}", "is no name of a field"],
    ["{to: a, source: ['size:itn']}", 'names the unknown type "itn", did you mean "int"?'],
    ["{to: a, sourc: [b]}", 'did you mean "source"?'],
    ["{to: a, source: [5]}", "fields_mapping[0].source[0]: is not text"],
    ["{to: 5, source: [b]}", "fields_mapping[0].to: is not text"],
    ["{to: a, source: [b], required: maybe}", "is neither true nor false"],
    ["justtext", "is no rule"],
  ])("%s is refused", (rule, expected) => {
    expect(errorsOf(mapping(rule)).join("\n")).toContain(expected);
  });

  test("a mapping that is no list is refused", () => {
    expect(errorsOf(dictForm({ pipe: ["fields_mapping: {to: a}"] }))[0]).toContain("is not a list of rules");
  });
});

describe("warnings", () => {
  const dropped = (text: string): boolean => warningsOf(text).some((line) => line.includes('drops "path"'));

  test.each([
    [["{to: size, source: [size]}"], true],
    [["{to: name, source: [path]}"], true],
    [["{to: path, source: [file_name]}"], true],
    [["{to: path, source: [path], hardcoded_value: x}"], true],
    [[PATH], false],
    [["{to: path, source: ['path:str']}"], false],
    [[], false],
  ])("deletes become empty with %j: %j", (rules, expected) => {
    expect(dropped(mapping(...rules))).toBe(expected);
  });

  test("only fs rows are known to need their path", () => {
    expect(dropped(mapping("{to: size, source: [size]}").replace("driver: fs", "driver: mysql"))).toBe(false);
  });

  test.each([
    ["{to: path, source: [a]}", 'writes to "path", where an earlier rule writes as well'],
    ["{to: path.x, source: [a]}", 'writes to "path.x", where an earlier rule writes as well'],
    ["{to: a, source: [b, c]}", "names several fields, only the first one is read"],
    ["{to: a, source: [b], required: true}", "has no effect here"],
  ])("%s is remarked", (rule, expected) => {
    expect(warningsOf(mapping(PATH, rule)).join("\n")).toContain(expected);
  });
});
