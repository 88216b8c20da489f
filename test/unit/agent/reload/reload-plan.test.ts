import { expect, test } from "vitest";
import { planReload, resolveTarget, startOnlyChanges } from "../../../../src/agent/reload/reload-plan.ts";
import type { AgentConfig } from "../../../../src/config/model.ts";
import { configOf, dictForm, type Machine } from "../../config/reading.ts";

const targetsOf = (config: AgentConfig) => [...config.pipes.values()].map((pipe) => resolveTarget(pipe, config));

const planOf = (before: string, after: string, machines: { before?: Machine; after?: Machine } = {}) =>
  planReload(targetsOf(configOf(before, machines.before)), targetsOf(configOf(after, machines.after)));

const unchanged = { added: [], changed: [], unchanged: ["pipe-1"], removed: [] };
const changedBy = (...reasons: string[]) => ({
  added: [],
  changed: [{ pipe: "pipe-1", reasons }],
  unchanged: [],
  removed: [],
});

test("the same configuration changes nothing", () => {
  expect(planOf(dictForm(), dictForm())).toEqual(unchanged);
});

test.each([
  ["a default that is written out", dictForm({ pipe: ["max_backoff_seconds: 60", "disabled: false"] })],
  ["another order and other lines", `\n\n${dictForm({ sender: ["credential: {key: push-key}", "timeout_sec: 30"] })}`],
  ["another spelling of the root", dictForm({ source: ["uri: file:///some/tree/"] })],
  [
    "the other form",
    `sources: [{id: src-1, type: fs, config: {uri: /some/tree}}]
senders: [{id: snd-1, type: fusion, config: {endpoint: "http://127.0.0.1:18888", credential: push-key}}]
pipes: [{id: pipe-1, source_id: src-1, sender_id: snd-1, enabled: true}]`,
  ],
])("%s changes nothing", (_what, text) => {
  expect(planOf(dictForm(), text)).toEqual(unchanged);
});

test.each([
  [
    "of the pipe",
    dictForm({ pipe: ["batch_size: 7", "fields_mapping: [{to: path, source: [path]}]"] }),
    "batch_size, fields_mapping",
  ],
  ["of its source", dictForm({ source: ["max_queue_size: 5", "uri: /other"] }), "source src-1: max_queue_size, uri"],
  [
    "of its source's driver",
    dictForm({ source: ['driver_params: {exclude: ["*.tmp"]}'] }),
    "source src-1: driver_params.exclude",
  ],
  ["of its sender", dictForm({ sender: ["timeout_sec: 5"] }), "sender snd-1: timeout_sec"],
])("a setting %s is named by the key a user writes", (_what, text, reason) => {
  expect(planOf(dictForm(), text)).toEqual(changedBy(reason));
});

test("a secret whose text in the file is the same but whose value is not changes the pipe, and is not told", () => {
  const text = dictForm({ sender: [`credential: {key: "\${env:KEY}"}`] });
  const plan = planOf(text, text, {
    before: { variables: { KEY: "very-secret-old" } },
    after: { variables: { KEY: "very-secret-new" } },
  });
  expect(plan).toEqual(changedBy("sender snd-1: credential"));
  expect(JSON.stringify(plan)).not.toContain("very-secret");
});

test("only pipes on what changed are changed, new ones are added and missing ones removed", () => {
  const ends = (batch: number) => `
sources: {a: {driver: fs, uri: /a}, b: {driver: fs, uri: /b}}
senders: {s: {driver: echo, batch_size: ${batch}}, t: {driver: echo}}
`;
  const before = `${ends(1)}pipes: {as: {source: a, sender: s}, at: {source: a, sender: t}, bs: {source: b, sender: s}, gone: {source: b, sender: t}}`;
  const after = `${ends(2)}pipes: {as: {source: a, sender: s}, at: {source: a, sender: t}, bs: {source: b, sender: s}, fresh: {source: b, sender: t}}`;
  expect(planOf(before, after)).toEqual({
    added: ["fresh"],
    changed: [
      { pipe: "as", reasons: ["sender s: batch_size"] },
      { pipe: "bs", reasons: ["sender s: batch_size"] },
    ],
    unchanged: ["at"],
    removed: ["gone"],
  });
});

test("what only a start reads is named, and nothing else", () => {
  const config = configOf(dictForm());
  expect(startOnlyChanges(config, configOf(dictForm({ pipe: ["batch_size: 9"] })))).toEqual([]);
  const other = configOf(dictForm({ top: ["logging: debug", "agent_id: other"] }));
  expect(startOnlyChanges(config, other)).toEqual([
    "agent_id changed: it takes effect when the agent is started again",
    "logging changed: it takes effect when the agent is started again",
  ]);
});
