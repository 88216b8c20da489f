// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { agentWideSchemas, paramKeys } from "../../../src/config/driver-keys.ts";
import {
  CONSOLE_KEYS,
  FIELD_RULE_KEYS,
  LOGGING_KEYS,
  PIPE_KEYS,
  SENDER_KEYS,
  SOURCE_KEYS,
  TOP_LEVEL_KEYS,
} from "../../../src/config/known-keys.ts";
import { knownDrivers } from "../../../src/drivers/registry.ts";
import { configOf, dictForm, errorsOf } from "./reading.ts";

const textOf = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const examplesIn = (text: string): string[] =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) => yaml);

const DOCS = textOf("docs/config.md");
const examples = examplesIn(DOCS);

test("docs/config.md names every known key", () => {
  const tables = [TOP_LEVEL_KEYS, LOGGING_KEYS, CONSOLE_KEYS, SOURCE_KEYS, SENDER_KEYS, PIPE_KEYS, FIELD_RULE_KEYS];
  const params = [...knownDrivers.modules.map(paramKeys), agentWideSchemas(knownDrivers)];
  const keys = new Set([...tables, ...params].flatMap((table) => Object.keys(table)));
  for (const key of ["scan_nice", "mock_role", "ca_file", "fs_scan_workers"]) expect(keys).toContain(key);
  expect([...keys].filter((key) => !new RegExp(`\\b${key}\\b`).test(DOCS))).toEqual([]);
});

test("the examples of both forms in docs/config.md, and the readme's, load to the same pipe, source and sender", () => {
  const machine = { variables: { FUSION_KEY: "a-push-key" } };
  const texts = [...examples.slice(0, 2), ...examplesIn(textOf("README.md"))];
  const [list, dict, readme] = texts.map((text) => configOf(text, machine));
  const bare = (config: typeof list) =>
    JSON.stringify(
      [config?.sources, config?.senders, config?.pipes].map((map) => [...(map ?? [])]),
      (key, value) => (key === "origin" || key === "form" ? undefined : value),
    );
  expect(bare(list)).toBe(bare(dict));
  expect(bare(list)).toBe(bare(readme));
});

test("the mapping of docs/config.md is valid", () => {
  const mapping = examples.find((text) => text.startsWith("fields_mapping")) ?? "";
  const indented = mapping.split("\n").filter((line) => line !== "");
  expect(errorsOf(dictForm({ pipe: indented }))).toEqual([]);
  expect(configOf(dictForm({ pipe: indented })).pipes.get("pipe-1")?.fieldsMapping).toHaveLength(3);
});
