/** What docs/fusion.md says a newcomer types, typed. */
import { readFileSync } from "node:fs";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import { createViewClient } from "../support/view-client.ts";
import { CliProcess, freePort, run } from "./cli-process.ts";

const DOCS = readFileSync(new URL("../../docs/fusion.md", import.meta.url), "utf8");

test("`fusion init`, `fusion` and the agent's configuration of docs/fusion.md keep a view equal", async () => {
  onTestFinished(removeTempFolders);
  const [home, root] = [createTempFolder("fusion-docs-home"), createTempFolder("fusion-docs")];
  growTree(root, { seed: 3, files: 50 });
  const made = await run(["fusion", "init"], { home });
  expect(made.code).toBe(0);
  const [, pushKey = ""] = /credential (\S+)/.exec(made.stdout) ?? [];
  const [, readKey = "", url = ""] = /X-API-Key: (\S+)' '(\S+)'/.exec(made.stdout) ?? [];
  expect(DOCS).toContain(`curl -s -H 'X-API-Key: READ_KEY' '${url}'`);
  const file = join(home, "fusion-config", "default.yaml");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await run(["fusion", "init"], { home })).code).toBe(1);
  // Only the ports may be somebody else's on this machine.
  const [viewPort, receiverPort] = [await freePort(), await freePort()];
  await writeFile(
    file,
    (await readFile(file, "utf8")).replace("8101", String(viewPort)).replace("8102", String(receiverPort)),
  );
  const fusion = new CliProcess(["fusion"], { home });
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(DOCS) ?? [];
  const config = yaml
    .replace("/data/research", root)
    .replace("8102", String(receiverPort))
    .replace("PUSH_KEY", pushKey)
    .replace("query: {", `query: {endpoint: "http://127.0.0.1:${viewPort}", `)
    .replace("READ_KEY", readKey);
  expect(made.stdout).toContain(`driver_params {query: {view: files, key: ${readKey}}}`);
  const agentHome = join(home, "agent");
  await mkdir(agentHome, { mode: 0o700 });
  await writeFile(join(agentHome, "agent-config.yaml"), config, { mode: 0o600 });
  const agent = new CliProcess(["start"], { home: agentHome });
  const view = createViewClient({ url: `http://127.0.0.1:${viewPort}`, viewId: "files", key: readKey });
  await view.waitUntilOpen(60_000);
  await waitUntilEqual(view, root, { timeoutMs: 60_000 });
  await writeFile(join(root, "fresh"), "new");
  await waitUntilEqual(view, root, { timeoutMs: 60_000 });
  const verified = await run(["verify", "files-to-fusion"], { home: agentHome });
  expect(`${verified.stdout}${verified.stderr}\n${verified.code}`).toMatch(/\n0$/);
  agent.child.kill("SIGTERM");
  expect((await agent.ended).code).toBe(0);
  fusion.child.kill("SIGTERM");
  expect((await fusion.ended).code).toBe(0);
});
