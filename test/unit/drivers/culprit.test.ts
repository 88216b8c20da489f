import { expect, it } from "vitest";
import { culpritIn, culpritOf } from "../../../src/drivers/culprit.ts";
import type { LoadedCode } from "../../../src/drivers/loaded-code.ts";

const HOME = "/h/drivers/node_modules";
const driver = (name: string): LoadedCode => ({
  who: `the source driver ${name} (@x/fustor-source-${name} 1.0.0)`,
  package: `@x/fustor-source-${name}`,
  folder: `${HOME}/@x/fustor-source-${name}`,
  installedIn: "home",
});
const A = "the source driver a (@x/fustor-source-a 1.0.0)";

const errorAt = (...files: string[]): Error => {
  const error = new Error("no luck");
  error.stack = ["Error: no luck", ...files.map((file) => `    at f (${file}:3:7)`)].join("\n");
  return error;
};
const own = `file://${HOME}/@x/fustor-source-a/index.js`;

it.each([
  ["code of a driver", [own], A],
  ["code of a driver behind Node's", ["node:events", own, "/agent/dist/pipe.js"], A],
  ["code of a driver behind a part of Node with a slash in its name", ["node:internal/url", own], A],
  ["a package that a driver called", [`${HOME}/pg/lib.js`, own], A],
  [
    "a package that any driver may have called",
    [`${HOME}/pg/lib.js`],
    `${A} or the source driver b (@x/fustor-source-b 1.0.0)`,
  ],
  ["our code", ["/agent/dist/pipe.js"], undefined],
  ["our code, called by a driver", ["/agent/dist/pipe.js", own], undefined],
  ["a folder whose name only begins alike", [`${HOME}2/x.js`], undefined],
])("an error of %s is found to be of %j", (_, files, culprit) => {
  expect(culpritOf(errorAt(...files), [driver("a"), driver("b")])).toBe(culprit);
});

it.each([
  ["an error out of Node alone", errorAt("node:net")],
  ["a text", "no luck"],
  ["nothing", undefined],
])("%s names no file and is of the drivers, when there are some", (_, error) => {
  expect(culpritOf(error, [driver("a")])).toBe(A);
  expect(culpritOf(error, [driver("a"), driver("b")])).toBe(`${A} or the source driver b (@x/fustor-source-b 1.0.0)`);
  expect(culpritOf(error, [])).toBeUndefined();
});

it("an end of the process is a driver's only when the driver's code called for it", () => {
  expect(culpritIn(errorAt("node:internal/process", own).stack ?? "", [driver("a")])).toBe(A);
  expect(culpritIn(errorAt("node:internal/process").stack ?? "", [driver("a")])).toBeUndefined();
});

it("an error of an API of Node that fails in a driver's promise is the driver's", () => {
  const error = new Error("no such file");
  error.stack = `Error: no such file\n    at async open (node:internal/fs/promises:639:25)\n    at async ${own}:3:7`;
  expect(culpritOf(error, [driver("a")])).toBe(A);
});

it("a path with spaces and brackets is found as a path and as an address", () => {
  const spaced = { ...driver("a"), folder: "/my home (old)/drivers/node_modules/@x/fustor-source-a" };
  expect(culpritOf(errorAt(`${spaced.folder}/index.cjs`), [spaced])).toBe(A);
  expect(culpritOf(errorAt(`file://${spaced.folder.replaceAll(" ", "%20")}/index.js`), [spaced])).toBe(A);
});

it.each([
  ["a list", { value: [1, 2] }],
  [
    "a getter that throws",
    {
      get: () => {
        throw new Error("no stack");
      },
    },
  ],
  ["an address that is no path", { value: "Error\n    at f (file:///a%2Fb.js:1:2)" }],
])("a stack that is %s does no harm", (_, stack) => {
  expect(culpritOf(Object.defineProperty(new Error("x"), "stack", stack), [driver("a")])).toBe(A);
});
