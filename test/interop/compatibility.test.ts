/** docs/compatibility.md against the published Python packages: no command, option or key is missing there, or refused here. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { run } from "../e2e/cli-process.ts";
import { compatibilityRows } from "../support/compatibility-table.ts";
import { createTempFolder, removeTempFolders } from "../support/temp-tree.ts";

const BIN = resolve(import.meta.dirname, "../../.interop/agent/bin");

/** What the packages say of themselves: commands, fields of the models with defaults, parameters that drivers read. */
const QUESTION = `
import inspect, json, re
import fustor_sender_echo, fustor_sender_http, fustor_source_fs.driver as fs
from fustor_agent.cli import cli
from fustor_agent.config.unified import AgentPipeConfig, GlobalLoggingConfig, SenderConfig, SourceConfig, UnifiedAgentConfig
from fustor_core.models.config import FieldMapping

def fields(model):
    plain = lambda value: value if isinstance(value, (bool, int, float, str, type(None), list)) else None
    return {name: plain(field.default) for name, field in model.model_fields.items()}

def read(module, pattern):
    return sorted(set(re.findall(pattern, inspect.getsource(module))))

print(json.dumps({
    "commands": {name: [each for p in c.params for each in p.opts] for name, c in cli.commands.items()},
    "logging": fields(GlobalLoggingConfig), "root": fields(UnifiedAgentConfig), "rule": fields(FieldMapping),
    "source": fields(SourceConfig), "sender": fields(SenderConfig), "pipe": fields(AgentPipeConfig),
    "fs": read(fs, r'driver_params\\.get\\("(\\w+)"'),
    "fusion": read(fustor_sender_http, r'self\\.config\\.get\\("(\\w+)"'),
    "echo": read(fustor_sender_echo, r'self\\.config\\.get\\("(\\w+)"'),
}))
`;

type Fields = Readonly<Record<string, unknown>>;

interface Answer {
  readonly commands: Readonly<Record<string, readonly string[]>>;
  readonly logging: Fields;
  readonly root: Fields;
  readonly rule: Fields;
  readonly source: Fields;
  readonly sender: Fields;
  readonly pipe: Fields;
  readonly fs: readonly string[];
  readonly fusion: readonly string[];
  readonly echo: readonly string[];
}

const answer = JSON.parse(execFileSync(join(BIN, "python"), ["-c", QUESTION], { encoding: "utf8" })) as Answer;
const rows = compatibilityRows();

afterAll(removeTempFolders);

const lacking = (names: readonly string[], section: string, word = ""): string[] => {
  const about = rows.filter((row) => row.section === section && row.subject.includes(word));
  return names.filter((name) => !about.some((row) => row.names.includes(name)));
};

test("every command and option of the Python agent has a row", () => {
  const names = Object.entries(answer.commands).flatMap(([command, options]) => [command, ...options]);
  expect(names.length).toBeGreaterThan(12);
  expect(lacking(names, "Commands")).toEqual([]);
});

test("every key of the Python agent has a row", () => {
  const { logging, root, rule, source, sender, pipe, fs, fusion, echo } = answer;
  const sections = new Set(["sources", "senders", "pipes"]);
  expect([
    ...lacking(
      Object.keys(root).filter((key) => !sections.has(key)),
      "Keys",
    ),
    ...lacking(Object.keys(logging), "Keys", "logging"),
    ...lacking(Object.keys(rule), "Keys", "rule"),
    ...lacking(Object.keys(source), "Keys", "source"),
    ...lacking(Object.keys(sender), "Keys", "sender"),
    ...lacking(Object.keys(pipe), "Keys", "pipe"),
    ...lacking(fs, "Keys", "fs"),
    ...lacking(
      fusion.filter((key) => !["batch_size", "timeout_sec"].includes(key)),
      "Keys",
      "fusion",
    ),
    ...lacking(echo, "Keys", "echo"),
  ]).toEqual([]);
});

/** Every key that the Python agent reads, with its default where it has one. */
function configOfAllKeys(root: string): object {
  const { logging, root: settings, source, sender, pipe, rule } = answer;
  const params = {
    fs: { startup_mode: "full", file_pattern: "*", max_sync_delay_seconds: 1, min_monitoring_window_days: 30 },
    fusion: { timeout: 30, api_version: "pipe" },
    echo: { mock_role: "leader", session_timeout_seconds: 30 },
  };
  const fs = { throttle_interval_sec: 5, max_scan_workers: 2, ...params.fs };
  expect(Object.keys(fs).sort()).toEqual(answer.fs);
  expect(Object.keys(params.fusion).sort()).toEqual(answer.fusion);
  expect(Object.keys(params.echo).sort()).toEqual(answer.echo);
  const mapping = [
    { ...rule, required: true, to: "path", source: ["path"] },
    { to: "host", source: [], hardcoded_value: "a" },
  ];
  const joined = { ...pipe, session_timeout_seconds: 30, source: "s", fields_mapping: mapping };
  const key = { key: "push-key", user: "me" };
  return {
    logging: { ...logging, dir: "logs" },
    fs_scan_workers: settings.fs_scan_workers,
    sources: {
      s: { ...source, driver: "fs", uri: root, credential: { user: "me", passwd: "pass" }, driver_params: fs },
    },
    senders: {
      f: { ...sender, driver: "fusion", uri: "http://127.0.0.1:9", credential: key, driver_params: params.fusion },
      h: { driver: "http", uri: "http://127.0.0.1:9", credential: { key: "push-key" } },
      e: { driver: "echo", uri: "http://127.0.0.1:9", driver_params: params.echo },
    },
    pipes: { p: { ...joined, sender: "f" }, q: { source: "s", sender: "h" }, r: { source: "s", sender: "e" } },
  };
}

test("a configuration of all its keys is valid for both, and ours warns of those that are left out and of no other", async () => {
  const home = createTempFolder("all-keys");
  mkdirSync(join(home, "agent-config"), { mode: 0o700 });
  const text = JSON.stringify(configOfAllKeys(createTempFolder("all-keys-root")), null, 2);
  writeFileSync(join(home, "agent-config/default.yaml"), text, { mode: 0o600 });
  const env = { ...process.env, FUSTOR_HOME: home };
  const theirs = execFileSync(join(BIN, "fustor-agent"), ["validate"], { env, encoding: "utf8" });
  expect(theirs).toContain("Configuration is valid");
  const { code, stdout, stderr } = await run(["validate"], { home });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const warned = [...`${stdout}${stderr}`.matchAll(/(\w+)(?:\[\d+\])?: has no effect here/g)].map(
    ([, key = ""]) => key,
  );
  const leftOut = rows.filter(({ section, verdict }) => section === "Keys" && verdict === "left out");
  const words = leftOut.flatMap(({ names }) => names).filter((name) => name !== "logging");
  expect([...new Set(warned)].sort()).toEqual([...new Set(words)].sort());
});
