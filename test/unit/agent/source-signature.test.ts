import { expect, test } from "vitest";
import { sourceSignature } from "../../../src/agent/source-signature.ts";
import type { SourceConfig } from "../../../src/config/model.ts";

const source: SourceConfig = {
  id: "s1",
  driver: "fs",
  uri: "/data",
  credential: { kind: "password", user: "u", password: "p" },
  maxQueueEvents: 100,
  maxQueueBytes: 1000,
  disabled: false,
  driverParams: { exclude: ["a", "b"], file_pattern: "*", nested: { x: 1, y: 2 } },
  origin: { file: "a.yaml", line: 1, column: 1 },
};

test("the id, the place in the file and the order of parameters do not make a source another one", () => {
  const same: SourceConfig = {
    ...source,
    id: "s2",
    origin: { file: "b.yaml", line: 9, column: 9 },
    driverParams: { nested: { y: 2, x: 1 }, file_pattern: "*", exclude: ["a", "b"] },
  };
  expect(sourceSignature(same)).toBe(sourceSignature(source));
});

test.each<[string, Partial<SourceConfig>]>([
  ["driver", { driver: "echo" }],
  ["uri", { uri: "/data2" }],
  ["credential", { credential: { kind: "password", user: "u", password: "q" } }],
  ["parameters", { driverParams: { ...source.driverParams, exclude: ["b", "a"] } }],
  ["capacity in events", { maxQueueEvents: 101 }],
  ["capacity in bytes", { maxQueueBytes: 1001 }],
])("another %s makes another source", (_, change) => {
  expect(sourceSignature({ ...source, ...change })).not.toBe(sourceSignature(source));
});

test("the credential cannot be read out of the signature", () => {
  const secret = "correct horse battery staple";
  const signature = sourceSignature({ ...source, credential: { kind: "key", key: secret } });
  expect(signature).toMatch(/^[0-9a-f]{64}$/);
});
