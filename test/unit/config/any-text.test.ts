// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { parseConfig } from "../../../src/config/parse.ts";
import { SAMPLE_CONFIG } from "../../../src/config/sample.ts";
import { knownDrivers } from "../../../src/drivers/registry.ts";
import { parseTree } from "../../../src/yaml/parse-tree.ts";
import { ProblemLog } from "../../../src/yaml/problem.ts";
import { dictForm, errorsOf, read } from "./reading.ts";

const WORDS = [
  ...["sources", "senders", "pipes", "logging", "id", "type", "driver", "config", "uri", "endpoint", "credential"],
  ...[
    "driver_params",
    "enabled",
    "disabled",
    "source",
    "sender",
    "fields_mapping",
    "to",
    "hardcoded_value",
    "key",
    "<<",
  ],
  ...[
    "fs",
    "fusion",
    "echo",
    "__proto__",
    "constructor",
    "toString",
    "/a",
    "http://h",
    "${env:A}",
    "${file:/x",
    "a",
    "b",
  ],
];

const word = fc.oneof(fc.constantFrom(...WORDS), fc.string());

/** Blocks and lists of the words a configuration is made of. */
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "medium", withCrossShrink: true },
    word,
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(word, tie("value"), { maxKeys: 6, noNullPrototype: true }),
  ),
}));

const structured = fc
  .dictionary(fc.constantFrom("sources", "senders", "pipes", "logging"), value)
  .map((it) => stringify(it));

/** The sample with a few pieces cut out, doubled or replaced. */
const damaged = fc
  .array(
    fc.tuple(fc.nat(), fc.nat(20), fc.oneof(word, fc.constantFrom("\t", "\n", ": ", "- ", "{", "[", "&a ", "*a", "'"))),
    {
      minLength: 1,
      maxLength: 6,
    },
  )
  .map((cuts) =>
    cuts.reduce((text, [at, length, piece]) => {
      const start = at % (text.length + 1);
      return text.slice(0, start) + piece + text.slice(start + length);
    }, SAMPLE_CONFIG),
  );

const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme" }), structured, damaged);

describe("any text", () => {
  test("is read without a throw, and every problem points into the text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { config, errors, warnings } = read(text);
        expect(config === undefined).toBe(errors.length > 0);
        const lines = text.split("\n");
        for (const { origin } of [...errors, ...warnings]) {
          expect(origin.line).toBeGreaterThanOrEqual(1);
          expect(origin.line).toBeLessThanOrEqual(lines.length);
          expect(origin.column).toBeGreaterThanOrEqual(1);
          expect(origin.column).toBeLessThanOrEqual((lines[origin.line - 1]?.length ?? 0) + 1);
        }
      }),
      { numRuns: 1500 },
    );
  });

  test("keeps its meaning when its lines end as on Windows", () => {
    const windows = read(dictForm().replaceAll("\n", "\r\n")).config;
    expect(windows).toEqual(read(dictForm()).config);
  });
});

describe("hostile text", () => {
  test("aliases that would grow without end are refused", () => {
    const levels = Array.from({ length: 30 }, (_, n) => `x${n + 1}: &x${n + 1} [*x${n}, *x${n}, *x${n}]`);
    expect(errorsOf(["x0: &x0 [a, a]", ...levels].join("\n"))).toEqual([
      expect.stringContaining("too large or nested"),
    ]);
  });

  test("an alias to a block around it is refused", () => {
    expect(errorsOf("sources: &a\n  x: *a\n").join("\n")).toMatch(/too large or nested|refers to no anchor/);
  });

  test("text nested a hundred thousand times is refused", () => {
    expect(errorsOf("[".repeat(100_000))).not.toEqual([]);
  });

  test("__proto__ as a key is a key like any other", () => {
    const text = "sources:\n  a: {driver: mysql, enabled: false, uri: x, driver_params: {__proto__: {polluted: 1}}}\n";
    const params = read(text).config?.sources.get("a")?.driverParams ?? {};
    expect(Object.keys(params)).toEqual(["__proto__"]);
    expect("polluted" in {}).toBe(false);
  });

  test("control characters of a text never reach the terminal", () => {
    expect(errorsOf('sources:\n  "a\\e[2Jb\\u202E": {}\n').join()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });
});

describe("syntax", () => {
  test.each([
    ["a: 1\na: 2\n", "a.yaml:2:1", 'the key "a" appears twice in one block'],
    ["sources:\n\t- id: x\n", "a.yaml:2:1", "a tab is used as indentation"],
    ["sources:\n  - id: 'x\n", "a.yaml:3:1", "a quote, bracket, comma or space is missing"],
    ["sources: *nope\n", "a.yaml:1:10", "an alias (*name) refers to no anchor"],
    ["sources: !secret x\n", "a.yaml:1:10", "a tag (!name) is not known"],
    ["sources: @x\n", "a.yaml:1:10", "a value begins with a reserved character"],
    ["sources: []\n---\nsenders: []\n", "a.yaml:2:1", "the file holds several documents"],
    ["sources: !!binary YQ==\n", "a.yaml:1:19", "is a kind of value that is not used here"],
    ["? [a]\n: b\n", "a.yaml:1:3", "has a key that is no plain word"],
    ["<<: 5\n", "a.yaml:1:5", "merges something that is no block of keys"],
  ])("%j is refused at %s: %s", (text, place, what) => {
    const [first] = errorsOf(text);
    expect(first).toContain(what);
    expect(first?.startsWith(`${place}: `) || first).toBe(true);
  });

  test("a file that cannot be parsed does not hide the problems of another", () => {
    expect(errorsOf({ "a.yaml": "x: [", "b.yaml": "y: 1" })).toHaveLength(2);
  });

  test("what went wrong while the files were read leaves no configuration", () => {
    const problems = new ProblemLog();
    problems.error({ origin: { file: "a", line: 1, column: 1 }, path: "" }, "is away", "bring it back");
    const context = {
      home: "/",
      configDir: "/",
      drivers: knownDrivers,
      secrets: { variable: () => undefined, file: () => ({ kind: "unusable", reason: "" }) as const },
    };
    expect(parseConfig([], context, problems).config).toBeUndefined();
  });

  test("an empty text is an empty block", () => {
    expect(parseTree("a.yaml", "# only a remark\n", new ProblemLog())).toEqual({
      kind: "map",
      origin: { file: "a.yaml", line: 1, column: 1 },
      entries: [],
    });
  });
});
