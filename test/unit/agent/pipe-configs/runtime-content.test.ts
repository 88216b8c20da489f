import fc from "fast-check";
import { expect, test } from "vitest";
import {
  contentOf,
  entryOf,
  merged,
  normalized,
  type RuntimeContent,
  textOf,
  withEntry,
  withoutEntry,
} from "../../../../src/agent/pipe-configs/runtime-content.ts";
import type { PipeEntry } from "../../../../src/sdk/pipe-config-service.ts";
import { parseTree } from "../../../../src/yaml/parse-tree.ts";
import { ProblemLog } from "../../../../src/yaml/problem.ts";

const NOTHING: RuntimeContent = { sources: {}, senders: {}, pipes: {}, rest: {} };

function readBack(text: string | undefined): RuntimeContent {
  const problems = new ProblemLog();
  const content = contentOf(parseTree("/x.yaml", text ?? "", problems));
  expect(problems.errors).toEqual([]);
  return content;
}

const id = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,12}$/);
const scalar = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.boolean(),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), tie("value"), { maxKeys: 3 }),
  ),
})).value;
/** A block's own `id` is its name, which the section has as the key. */
const member = fc.stringMatching(/^[a-z_]{1,8}$/).filter((name) => name !== "id");
const block = fc.dictionary(member, value, { maxKeys: 4, noNullPrototype: true });

/** -0 is written as 0. */
const plain = (content: unknown): unknown => JSON.parse(JSON.stringify(content));

test("every content is read back as it was written", () => {
  const blocks = fc.dictionary(id, block, { maxKeys: 3, noNullPrototype: true });
  fc.assert(
    fc.property(blocks, blocks, blocks, (sources, senders, pipes) => {
      const content = { ...NOTHING, sources, senders, pipes };
      expect(plain(readBack(textOf(content)))).toEqual(plain(content));
    }),
    { numRuns: 200 },
  );
});

test("an entry with ends of its own comes back whole, and leaves nothing behind", () => {
  const entry: PipeEntry = { source: { driver: "custom", uri: "custom://a" }, sender: "main", enabled: true };
  const before = withEntry(NOTHING, "other", { source: "data", sender: { driver: "echo" } });
  const after = withEntry(before, "p", entry);
  expect(after.pipes.p).toEqual({ source: "p", sender: "main", enabled: true });
  expect(after.sources.p).toEqual({ driver: "custom", uri: "custom://a" });
  expect(entryOf(after, "p")).toEqual(entry);
  expect(withoutEntry(after, "p")).toEqual(before);
  expect(withEntry(after, "p", { source: "data", sender: "main" }).sources).toEqual({});
  expect(textOf(withoutEntry(before, "other"))).toBeUndefined();
});

test.each([
  ["custom://my-stream", { driver: "custom", uri: "custom://my-stream" }],
  ["POSTGRES://db/x", { driver: "postgres", uri: "POSTGRES://db/x" }],
  ["/data/in", { driver: "fs", uri: "/data/in" }],
  ["file:///data/in", { driver: "fs", uri: "file:///data/in" }],
])("the address %s names the driver", (source_uri, source) => {
  expect(normalized({ source_uri, sender_id: "main" })).toEqual({ source, sender: "main" });
});

// The examples of RFC 7396, appendix A, as far as a block is changed by a block.
test.each([
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: "foo" }, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  [{ e: 1 }, { a: [1, { x: null }] }, { e: 1, a: [1, { x: null }] }],
])("%j changed by %j is %j", (target, patch, result) => {
  expect(merged(target, patch)).toEqual(result);
});

test("blocks of a list, which a person may make of a section, stay switched off", () => {
  const text = "pipes: [{id: a, source: s, sender: e}, {id: b, source: s, sender: e, enabled: true}]\nagent_id: me\n";
  const content = readBack(text);
  expect(content.pipes).toEqual({
    a: { source: "s", sender: "e", enabled: false },
    b: { source: "s", sender: "e", enabled: true },
  });
  expect(content.rest).toEqual({ agent_id: "me" });
  expect(readBack(textOf(content))).toEqual(content);
});
