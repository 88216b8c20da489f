/** Keys that commands make and end while Fusion and an agent run: real processes, and the disk is the judge. */
import { readFileSync, writeFileSync } from "node:fs";
import { stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { createOurAgent, type OurAgentProcess } from "../support/agent-process.ts";
import { killChildren } from "../support/child-process.ts";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";
import type { FusionProcess } from "../support/fusion-process.ts";
import { PATIENCE } from "../support/patience.ts";
import { runShell } from "../support/shell.ts";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Ended, run } from "./cli-process.ts";

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

const keys = (fusion: FusionProcess, ...args: readonly string[]): Promise<Ended> =>
  run(["fusion", "keys", ...args], { home: fusion.home });

/** Fails with everything that the command printed. */
async function made(command: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await command;
  expect(code, stdout + stderr).toBe(0);
  expect(stdout).toMatch(/^fk_[0-9a-z]{8}_[\w-]{43}\n$/);
  return stdout.trim();
}

const idOf = (key: string): string => key.split("_")[1] ?? "";

async function statusAt(url: string, key: string): Promise<number> {
  const answer = await fetch(url, { headers: { "X-API-Key": key } });
  await answer.text();
  return answer.status;
}

const pushStatus = ({ receiver }: FusionProcess, key: string): Promise<number> =>
  statusAt(`${receiver.url}/api/v1/pipe/session/`, key);

function replaceKey({ home }: OurAgentProcess, from: string, to: string): void {
  const file = join(home, "agent-config/default.yaml");
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

/** What the agent says of its one pipe. */
async function pipeOf(agent: OurAgentProcess): Promise<string> {
  return JSON.stringify((await agent.status())?.pipes);
}

test("an agent pushes with a key that was made, one takes its place, and a revoked one is refused", async () => {
  const root = createTempFolder("keys-tree");
  growTree(root, { seed: 16, files: 400 });
  const fusion = await createEmbeddedFusion({ sessionTimeoutSeconds: 30 });
  await fusion.start();
  const { pipeId } = fusion.receiver;
  const first = await made(keys(fusion, "create", "--push", pipeId, "--name", "site a"));
  const pipe = { error_retry_interval: 0.2, max_backoff_seconds: 1 };
  const agent = createOurAgent({ root, receiver: { ...fusion.receiver, pushKey: first }, pipe });
  agent.start();
  await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });
  const [before] = await fusion.view.sessions();

  // While files come and go: the old key stays valid, the agent takes the new one, then the old one ends.
  const writing = runShell(
    "for n in $(seq 400); do echo $n > w$n; mv w$n v$n; rm -f v$((n - 9)); sleep 0.01; done",
    root,
    {},
  );
  const second = await made(keys(fusion, "rotate", idOf(first), "--old-until", "1h"));
  expect((await fusion.view.sessions()).map(({ id }) => id)).toEqual([before?.id]);
  replaceKey(agent, first, second);
  const reloaded = await run(["reload"], { home: agent.home });
  expect(reloaded.code, reloaded.stdout + reloaded.stderr).toBe(0);
  expect(reloaded.stdout).toContain("its session goes on with the new credential");
  expect((await keys(fusion, "revoke", idOf(first))).code).toBe(0);
  expect(await pushStatus(fusion, first)).toBe(401);
  await writing;
  await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });
  expect((await fusion.view.sessions()).map(({ id }) => id)).toEqual([before?.id]);
  expect(fusion.output()).not.toMatch(/session ended|view emptied/);

  // The agent says that its key is refused, and goes on as soon as it has another one.
  expect((await keys(fusion, "revoke", idOf(second))).code).toBe(0);
  writeFileSync(join(root, "while-refused"), "x");
  await waitFor(async () => (await pipeOf(agent)).includes("refuses the key"), {
    timeoutMs: 30_000,
    what: () => `the agent says that its key is refused\n${agent.output()}`,
  });
  const third = await made(keys(fusion, "create", "--push", pipeId));
  replaceKey(agent, second, third);
  expect((await run(["reload"], { home: agent.home })).code).toBe(0);
  await waitUntilEqual(fusion.view, root, { timeoutMs: 60_000 });

  const listed = await keys(fusion, "list");
  expect(listed.stdout).toMatch(
    new RegExp(`${idOf(first)} +push ${pipeId} +site a +revoked .*rotated|${idOf(first)}.*revoked`),
  );
  expect(listed.stdout).toMatch(new RegExp(`${idOf(third)} +push ${pipeId} +- +valid +\\S+ \\S+ +never +\\d{4}-`));
  await agent.terminate();
  await fusion.stop();
  const kept = readFileSync(join(fusion.home, "fusion-keys/keys.json"), "utf8");
  const uses = readFileSync(join(fusion.home, "fusion-keys/uses.json"), "utf8");
  expect(uses).toContain(idOf(third));
  for (const key of [first, second, third]) {
    const secret = key.slice(12);
    for (const text of [fusion.output(), agent.output(), kept, uses, listed.stdout]) expect(text).not.toContain(secret);
  }
});

test("a key that expires is refused from that moment on, and keys outlive a kill of Fusion", async () => {
  const fusion = await createEmbeddedFusion();
  await fusion.start();
  const [lasting, short] = await Promise.all([
    made(keys(fusion, "create", "--push", fusion.receiver.pipeId)),
    made(keys(fusion, "create", "--read", "unified-view", "--expires", `${8 * PATIENCE}s`)),
  ]);
  const sessions = `${fusion.viewUrl}/api/v1/views/unified-view/sessions`;
  expect(await statusAt(sessions, short)).toBe(200);
  await waitFor(async () => (await statusAt(sessions, short)) === 401, { timeoutMs: 30_000, what: "the key expires" });
  await waitFor(() => fusion.output().includes("because it is expired"), {
    timeoutMs: 5000,
    what: "a line in the log",
  });
  await fusion.kill();
  await fusion.start();
  expect(await pushStatus(fusion, lasting)).toBe(200);
  expect(await pushStatus(fusion, fusion.receiver.pushKey)).toBe(200);
  expect(await statusAt(sessions, short)).toBe(401);
  expect((await keys(fusion, "rotate", idOf(short), "--old-until", "1h")).stderr).toContain("is expired");
});

test("commands at the same time lose no key, and the file is for its owner alone", async () => {
  const fusion = await createEmbeddedFusion();
  const names = ["a", "b", "c", "d"];
  const all = await Promise.all(
    names.map((name) => made(keys(fusion, "create", "--read", "unified-view", "--name", name))),
  );
  const listed = await keys(fusion, "list", "--json");
  const facts = JSON.parse(listed.stdout) as readonly { readonly id: string; readonly last_use: string | null }[];
  expect(facts.map(({ id }) => id).sort()).toEqual(all.map(idOf).sort());
  expect(facts[0]).toMatchObject({ scope: "read", target: "unified-view", state: "valid", last_use: null });
  expect((await stat(join(fusion.home, "fusion-keys"))).mode & 0o777).toBe(0o700);
  expect((await stat(join(fusion.home, "fusion-keys/keys.json"))).mode & 0o777).toBe(0o600);
});

test("a file of no use is named with its cure, ends no key of the Fusion that runs, and lets none start", async () => {
  const fusion = await createEmbeddedFusion();
  const file = join(fusion.home, "fusion-keys/keys.json");
  await fusion.start();
  const key = await made(keys(fusion, "create", "--push", fusion.receiver.pipeId));
  const good = readFileSync(file, "utf8");
  await writeFile(file, "{");
  const refused = await keys(fusion, "create", "--push", fusion.receiver.pipeId);
  expect(refused.code).toBe(78);
  expect(refused.stderr).toMatch(/keys\.json is damaged .*remove it.*fustor-agent fusion keys create/);
  await waitFor(() => fusion.output().includes("keys stay as they were"), {
    timeoutMs: 10_000,
    what: "a line in the log",
  });
  expect(await pushStatus(fusion, key)).toBe(200);
  await fusion.stop();
  expect((await run(["fusion"], { home: fusion.home })).stderr).toContain("keys.json is damaged");

  await writeFile(file, good);
  await fusion.start();
  expect((await run(["fusion"], { home: fusion.home })).code).toBe(75);
  // Put back without any command: found within a second.
  await writeFile(file, good.replace('"revoked": null', '"revoked": "2026-01-01T00:00:00Z"'));
  await waitFor(async () => (await pushStatus(fusion, key)) === 401, {
    timeoutMs: 10_000,
    what: "the file is looked at",
  });
  await fusion.stop();

  const elsewhere = join(fusion.home, "elsewhere");
  await writeFile(elsewhere, good, { mode: 0o600 });
  await runShell(`rm ${file}`, fusion.home, {});
  await symlink(elsewhere, file);
  expect((await keys(fusion, "list")).stderr).toContain("symbolic link");
  await runShell(`rm ${file}; cp elsewhere ${file}; chmod 644 ${file}`, fusion.home, {});
  expect((await keys(fusion, "list")).stderr).toContain(`run: chmod 600 ${file}`);
});

test("what cannot be meant is said", async () => {
  const fusion = await createEmbeddedFusion();
  const saying = async (...args: string[]): Promise<string> => {
    const { code, stderr, stdout } = await keys(fusion, ...args);
    expect(code).not.toBe(0);
    expect(stdout).toBe("");
    return stderr;
  };
  expect(await saying("create", "--push", "pipe-l")).toContain("did you mean pipe-1?");
  expect(await saying("create", "--read", "nothing")).toContain("there is: unified-view");
  expect(await saying("create")).toContain("--push PIPE or --read VIEW");
  expect(await saying("create", "--push", "pipe-1", "--expires", "2020-01-01")).toContain("is over already");
  expect(await saying("create", "--push", "pipe-1", "--expires", "soon")).toContain("90d, 12h");
  expect(await saying("revoke", "abcdefgh")).toContain("fusion keys list");
});
