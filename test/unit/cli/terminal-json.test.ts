import { expect, test } from "vitest";
import { printable } from "../../../src/cli/table.ts";
import { jsonForTerminal } from "../../../src/cli/terminal-json.ts";

const NAMES = [
  "\u009b31m",
  "\u202Etxt.exe",
  "\u2066a\u2069",
  "del\u007f",
  "\u{e0041}tag",
  "plain",
  "ünï ‛FF 名 \u{1f600}",
  "\u2028",
];

test("nothing that a terminal acts upon is left of a row, and the row says the same", () => {
  const lines = NAMES.map((name) => `${JSON.stringify({ path: `/${name}` })}\n`).join("");
  for (const shown of [jsonForTerminal(lines), jsonForTerminal(Buffer.from(lines))]) {
    expect(shown).not.toMatch(/[\u007f-\u009f\p{Cf}\u2028\u2029]/u);
    const names = shown
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { path: string }).path.slice(1));
    expect(names).toEqual(NAMES);
  }
  expect(jsonForTerminal('{"path":"/ünï"}\n')).toBe('{"path":"/ünï"}\n');
});

test("messages show such characters", () => {
  expect(printable("a\u009bb\u202ec\nd\u{e0041}")).toBe("a\\x9bb\\u{202e}c\\x0ad\\u{e0041}");
});
