// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { formatEffective } from "../../../src/cli/commands/config.ts";
import { type EffectiveBlock, effectiveConfig, isEffective } from "../../../src/config/effective.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

afterEach(removeTempFolders);

const CONFIG = `sources:
  - id: files
    type: fs
    config:
      uri: /tmp
      driver_params: {exclude: ["*.tmp"], audit: {mode: hash}}
senders:
  - id: to-fusion
    type: fusion
    config:
      endpoint: "https://fusion.example/base"
      credential: "\${env:FUSION_KEY}"
      driver_params:
        timeout: 7
        proxy: "http://me:pr0xy-secret@proxy.example:3128"
  - id: plain
    type: fusion
    endpoint: "http://localhost:8102"
    credential: {key: "plain-s3cret-key"}
    disabled: true
pipes:
  - {id: p, source_id: files, sender_id: to-fusion, enabled: true, batch_size: 7, fields_mapping: [{to: a, hardcoded_value: 1}]}
logging: debug
console: {token: "tok3n-tok3n-tok3n"}
fs_scan_workers: 3
`;

const ENV = { FUSION_KEY: "env-s3cret-key", PATH: "/bin" };

async function effective(
  text: string,
  env: Readonly<Record<string, string>> = ENV,
  port?: Parameters<typeof effectiveConfig>[1],
) {
  const home = createTempFolder("effective");
  const file = join(home, "agent-config.yaml");
  writeFileSync(file, text, { mode: 0o600 });
  const config = await loadConfig({ env: { ...env, FUSTOR_HOME: home } });
  return { file, home, config, block: effectiveConfig(config, port) };
}

function at(block: EffectiveBlock, path: string) {
  const found = path
    .split("/")
    .reduce<EffectiveBlock[string] | undefined>(
      (member, key) => (member === undefined || isEffective(member) ? undefined : member[key]),
      block,
    );
  return found;
}

test("each value says the line that it is written in, or that it is a default", async () => {
  const { block, file } = await effective(CONFIG);
  const lines: Readonly<Record<string, readonly [unknown, number | "default"]>> = {
    "sources/files/uri": ["/tmp", 5],
    "sources/files/driver": ["fs", 3],
    "sources/files/max_queue_size": [100_000, "default"],
    "sources/files/driver_params/exclude": [["*.tmp"], 6],
    "sources/files/driver_params/engine": ["auto", "default"],
    "sources/files/driver_params/audit/mode": ["hash", 6],
    "sources/files/driver_params/audit/workers": [1, "default"],
    "sources/files/driver_params/max_scan_workers": [3, 25],
    "senders/to-fusion/timeout_sec": [7, 14],
    "senders/to-fusion/credential": ["${env:FUSION_KEY}", 12],
    "senders/plain/enabled": [false, 20],
    "pipes/p/batch_size": [7, 22],
    "pipes/p/audit_interval_sec": [600, "default"],
    "logging/level": ["debug", 23],
    "console/host": ["localhost", "default"],
  };
  for (const [path, [value, line]] of Object.entries(lines)) {
    const from = line === "default" ? line : `${file}:${line}`;
    expect([path, at(block, path)]).toEqual([path, { value, from }]);
  }
});

test("no secret is shown, wherever it stands", async () => {
  const { block } = await effective(CONFIG);
  const text = `${JSON.stringify(block)}\n${formatEffective(block).join("\n")}`;
  for (const secret of ["s3cret", "pr0xy", "tok3n"]) expect(text).not.toContain(secret);
  expect(text).toContain('proxy: "http://proxy.example:3128/"');
});

test("what the environment says is named as its origin", async () => {
  const env = { ...ENV, HTTPS_PROXY: "http://env-proxy.example:1" };
  const written = CONFIG.replace(/ {8}proxy: .*\n/, "");
  const { block } = await effective(written, env, { port: 9000, from: "environment FUSTOR_CONSOLE_PORT" });
  expect(at(block, "senders/to-fusion/driver_params/proxy")).toEqual({
    value: "http://env-proxy.example:1/",
    from: "environment",
  });
  expect(at(block, "console/port")).toEqual({ value: 9000, from: "environment FUSTOR_CONSOLE_PORT" });
});

test("what is printed loads again and amounts to the same, once the masked secrets are filled in", async () => {
  const { block, config } = await effective(CONFIG.replace(/ {8}proxy: .*\n/, ""));
  const printed = formatEffective(block).join("\n").replaceAll('"***"', '"filled-in-again-secret"');
  const again = await effective(printed);
  const plain = (entries: object): string =>
    JSON.stringify(entries instanceof Map ? [...entries] : entries, (key, value) =>
      ["origin", "form", "credential", "token", "dir"].includes(key) ? undefined : value,
    );
  for (const part of ["sources", "senders", "pipes", "logging", "console"] as const) {
    expect(plain(again.config[part])).toBe(plain(config[part]));
  }
});

test("entries of further files name their file", async () => {
  const home = createTempFolder("effective-files");
  mkdirSync(join(home, "agent-config"), { mode: 0o700 });
  writeFileSync(join(home, "agent-config/a.yaml"), "sources: {s: {driver: fs, uri: /tmp}}\n", { mode: 0o600 });
  writeFileSync(
    join(home, "agent-config/b.yaml"),
    "senders: {e: {driver: echo}}\npipes: {p: {source: s, sender: e}}\n",
    { mode: 0o600 },
  );
  const block = effectiveConfig(await loadConfig({ env: { FUSTOR_HOME: home } }));
  expect(at(block, "pipes/p/source")).toEqual({ value: "s", from: `${join(home, "agent-config/b.yaml")}:2` });
  expect(at(block, "senders/e/uri")).toEqual({ value: "echo:", from: "default" });
});
