import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, it } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../..");
const codesIn = (file: string): string[] => [
  ...new Set(
    [...readFileSync(resolve(ROOT, file), "utf8").matchAll(/["`](FUSTOR_[A-Z_]+)["`]/g)].map((hit) => hit[1] ?? ""),
  ),
];
/** Environment variables share the prefix. */
const VARIABLES = ["FUSTOR_HOME", "FUSTOR_CONFIG_DIR"];

it("docs/errors.md explains every error code and no other", () => {
  const explained = codesIn("docs/errors.md").filter((code) => !VARIABLES.includes(code));
  expect(explained.sort()).toEqual(codesIn("src/sdk/errors.ts").sort());
});
