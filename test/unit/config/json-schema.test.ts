// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { jsonSchemaOf } from "../../../src/cli/commands/schema.ts";
import { paramKeys } from "../../../src/config/driver-keys.ts";
import { SAMPLE_CONFIG } from "../../../src/config/sample.ts";
import { knownDrivers } from "../../../src/drivers/registry.ts";
import { fusionSample } from "../../../src/fusion/fusion-sample.ts";
import { dictForm, errorsOf } from "./reading.ts";

const validatorOf = (kind: "agent" | "fusion"): ValidateFunction =>
  new Ajv({ strict: false, allErrors: true }).compile(jsonSchemaOf(kind));
const agent = validatorOf("agent");

/** What the schema says of a text; empty when it fits. */
function wrongWith(text: string, validate = agent): string[] {
  validate(parse(text, { merge: true }));
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

const textOf = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const examplesIn = (text: string): string[] =>
  [...text.matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, yaml = ""]) => yaml)
    .filter((yaml) => /^(#.*\n)?sources:/.test(yaml));

test.each([
  ["what init writes", SAMPLE_CONFIG],
  ["the customer's file", textOf("test/fixtures/customer-config.yaml")],
  ...examplesIn(textOf("docs/config.md")).map((text, at) => [`example ${at + 1} of docs/config.md`, text]),
  ...examplesIn(textOf("README.md")).map((text) => ["the readme's example", text]),
])("%s fits the schema", (_, text) => {
  expect(wrongWith(text)).toEqual([]);
});

test("what fusion init writes fits the schema of the embedded Fusion", () => {
  expect(wrongWith(fusionSample({ pushKey: "push-key", readKey: "read-key" }), validatorOf("fusion"))).toEqual([]);
  expect(wrongWith("pipes: {p: {receiver: in}}", validatorOf("fusion"))).toEqual([expect.stringContaining("views")]);
});

/** Spellings that the loader takes. */
const TAKEN: readonly Parameters<typeof dictForm>[0][] = [
  { source: ["driver_params: {cross_mounts: no, max_watches: '100', exclude: '*.tmp', scan_ionice: idle}"] },
  { source: ["driver_params: {audit: {mode: hash, workers: 2}, aged_interval: 3}"] },
  { sender: ["batch_size: '50'", "driver_params: {gzip: never, timeout: 3}", "max_retries: 3"] },
  { sender: ["credential: ${env:KEY}", "disabled: yes"] },
  {
    pipe: [
      "audit_interval_sec: 0",
      "batch_size:",
      "fields_mapping: [{to: a, source: [path]}, {to: b, hardcoded_value: 3}]",
    ],
  },
  { top: ["logging: WARNING", "console: {port: 9000, enabled: on}", "agent_id: a-1", "fs_scan_workers: 4"] },
  { top: ["logging: {level: debug, max_bytes: 0, keep_files: 2, stdout: json}"] },
];

test.each(TAKEN)("the schema takes what the loader takes: %j", (extra) => {
  const text = dictForm(extra);
  expect(errorsOf(text, { variables: { KEY: "a-push-key" } })).toEqual([]);
  expect(wrongWith(text)).toEqual([]);
});

const REFUSED: readonly (readonly [string, Parameters<typeof dictForm>[0]])[] = [
  ["an unknown key", { source: ["max_queue_sise: 3"] }],
  ["an unknown parameter of the driver", { source: ["driver_params: {file_patern: '*'}"] }],
  ["an unknown parameter of a sender", { sender: ["driver_params: {zip: never}"] }],
  ["a number out of its range", { source: ["driver_params: {scan_nice: 20}"] }],
  ["a word that is no engine", { source: ["driver_params: {engine: fast}"] }],
  ["an unknown block", { top: ["consol: {}"] }],
  ["an unknown log level", { top: ["logging: loud"] }],
  ["a member that no credential has", { sender: ["credential: {keey: abcdefgh}"] }],
];

test.each(REFUSED)("the schema refuses what the loader refuses: %s", (_, extra) => {
  const text = dictForm(extra);
  expect(errorsOf(text)).not.toEqual([]);
  expect(wrongWith(text)).not.toEqual([]);
});

test("the schema names every parameter of every driver that comes with the agent", () => {
  const text = JSON.stringify(jsonSchemaOf("agent"));
  const missing = knownDrivers.modules
    .flatMap((module) => Object.keys(paramKeys(module)))
    .filter((key) => !text.includes(`"${key}"`));
  expect(missing).toEqual([]);
});
