import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { configView } from "../../../src/admin/config-view.ts";
import { effectiveConfig } from "../../../src/config/effective.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { AgentConfig } from "../../../src/config/model.ts";
import { isSecretKey } from "../../../src/config/secret-key.ts";

test("headers of a driver are not shown, whatever their names are", () => {
  const sender = { id: "s", driver: "d", uri: "https://h/", driverParams: { headers: { "X-Caller": "s3cret" } } };
  const none = new Map<string, never>();
  const config = { sources: none, senders: new Map([["s", sender]]), pipes: none, logging: {}, console: {} };
  expect(configView(config as unknown as AgentConfig).senders).toEqual([
    { id: "s", driver: "d", uri: "https://h/", driverParams: { headers: "***" } },
  ]);
});

test("a placeholder is shown as it is written, in every place that its value has come to", async () => {
  const home = await mkdtemp(join(tmpdir(), "fustor-view-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  await writeFile(
    join(home, "agent-config.yaml"),
    `sources: [{id: s, driver: fs, uri: "file://\${env:TREE}/"}, {id: plain, driver: fs, uri: /elsewhere}]
senders:
  - id: f
    driver: fusion
    uri: "http://\${env:PLACE}:8102/"
    credential: "\${env:KEY}"
    driver_params: {proxy: "http://\${env:PROXY}:3128"}
pipes: [{id: p, source: s, sender: f}]
`,
    { mode: 0o600 },
  );
  const env = {
    FUSTOR_HOME: home,
    TREE: "/Secret-Tree",
    PLACE: "secret-place",
    KEY: "secret-key-of-it",
    PROXY: "secret-proxy",
  };
  const config = await loadConfig({ env, cwd: home });
  expect(config.sources.get("s")?.uri).toBe("/Secret-Tree");
  const shown = JSON.stringify(configView(config));
  for (const written of [`file://\${env:TREE}/`, `http://\${env:PLACE}:8102/`, `\${env:PROXY}`, "/elsewhere"]) {
    expect(shown).toContain(written);
  }
  expect(shown).not.toMatch(/secret/i);
  expect(JSON.stringify(effectiveConfig(config))).not.toMatch(/secret-/i);
});

test.each(["pwd", "db_password", "api_key", "apiKey", "Authorization", "cookie", "signature", "X-Header", "token"])(
  "%s is a secret for every view of the configuration",
  (key) => expect(isSecretKey(key)).toBe(true),
);

test.each(["uri", "keys_per_page", "batch_size", "id"])("%s is none", (key) => expect(isSecretKey(key)).toBe(false));
