/**
 * What docs/fusion.md says of an agent and a Fusion on two machines, done: two network namespaces with a cable between
 * them, TLS, and keys made by command. test/e2e/own-network.test.ts runs it in the one that is Fusion's.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import { killChildren, startChild } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { readDisk } from "../support/disk-tree.ts";
import { runShell } from "../support/shell.ts";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { compareTrees } from "../support/tree-compare.ts";
import { flattenTree } from "../support/view-client.ts";
import { waitFor } from "../support/wait-for.ts";
import { type Ended, run } from "./cli-process.ts";

const DOCS = readFileSync(new URL("../../docs/fusion.md", import.meta.url), "utf8");
const MANUAL = DOCS.slice(DOCS.indexOf("## On two machines"), DOCS.indexOf("## Configuration"));
const FUSION = "10.80.0.1";
const AGENT = "10.80.0.2";

const ip = (...args: string[]): void => void execFileSync("ip", args);

beforeAll(() => {
  const [, , ...lines] = readFileSync("/proc/net/dev", "utf8").trimEnd().split("\n");
  const names = lines.map((line) => line.split(":")[0]?.trim());
  expect(names, "run test/e2e/own-network.test.ts, which makes a network for this one").toEqual(["lo"]);
});

afterEach(async () => {
  await killChildren();
  removeTempFolders();
});

/** A second machine at the other end of a cable: what runs there is prefixed by this. */
async function secondMachine(): Promise<readonly string[]> {
  const holder = spawn("unshare", ["--net", "sh", "-c", "ip link set lo up && echo ready && exec sleep infinity"]);
  onTestFinished(() => void holder.kill("SIGKILL"));
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  const there = ["nsenter", `--net=/proc/${holder.pid}/ns/net`];
  ip("link", "add", "here", "type", "veth", "peer", "name", "there");
  onTestFinished(() => ip("link", "delete", "here"));
  ip("link", "set", "there", "netns", String(holder.pid));
  ip("address", "add", `${FUSION}/24`, "dev", "here");
  ip("link", "set", "here", "up");
  const [command = "", ...args] = there;
  execFileSync(command, [...args, "ip", "address", "add", `${AGENT}/24`, "dev", "there"]);
  execFileSync(command, [...args, "ip", "link", "set", "there", "up"]);
  return there;
}

/** Blocks of the manual that begin so, without the indentation of the list. */
function block(language: "yaml" | "", beginning: string): string {
  const found =
    language === "yaml"
      ? [...MANUAL.matchAll(/^ {3}```yaml\n([\s\S]*?)^ {3}```$/gm)].map(([, text = ""]) =>
          text.replaceAll(/^ {3}/gm, ""),
        )
      : [...MANUAL.matchAll(/(?:^ {7}.*\n)+/gm)].map(([text]) => text.replaceAll(/^ {7}/gm, ""));
  const block = found.find((text) => text.startsWith(beginning));
  if (block === undefined) throw new Error(`the manual has no block that begins with ${beginning}`);
  return block;
}

const execute = promisify(execFile);

/** A line of the manual on the machine of the agent. */
async function onSecond(there: readonly string[], home: string, ...args: readonly string[]): Promise<Ended> {
  const [command = "", ...first] = there;
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  return execute(command, [...first, process.execPath, cliPath(), ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, signal: null, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code, signal: null, stdout, stderr }),
  );
}

test("an agent and a Fusion on two machines, by the manual: TLS, keys by command, and the view equals the disk", async () => {
  const there = await secondMachine();
  const [files, home, agentHome, root] = ["etc", "fusion-home", "agent-home", "data"].map(createTempFolder) as [
    string,
    string,
    string,
    string,
  ];
  growTree(root, { seed: 80, files: 300 });
  const here = (text: string): string =>
    text
      .replaceAll(/DNS:fusion\.example/g, `IP:${FUSION}`)
      .replaceAll("fusion.example", FUSION)
      .replaceAll(/\/etc\/(fusion|fustor)/g, files)
      .replaceAll("/data/research", root);
  await runShell(here(block("", "openssl")), files, {});
  mkdirSync(join(home, "fusion-config"), { mode: 0o700 });
  writeFileSync(join(home, "fusion-config/default.yaml"), here(block("yaml", "host:")), { mode: 0o600 });

  const commands = block("", "fustor-agent fusion\n").trimEnd().split("\n");
  expect(commands.map((line) => line.replace(/ --(push|read|name).*/, ""))).toEqual([
    "fustor-agent fusion",
    "fustor-agent fusion keys create",
    "fustor-agent fusion keys create",
  ]);
  const fusion = startChild({ command: process.execPath, args: [cliPath(), "fusion"], env: { FUSTOR_HOME: home } });
  await waitFor(() => fusion.output().includes(`https://0.0.0.0:8102`), {
    timeoutMs: 30_000,
    what: () => `Fusion listens\n${fusion.output()}`,
  });
  expect(fusion.output()).not.toContain("without TLS");
  const keys: string[] = [];
  for (const line of commands.slice(1)) {
    const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
    const made = await run(words.slice(1), { home });
    expect(made.code, made.stderr).toBe(0);
    keys.push(made.stdout.trim());
  }
  const [pushKey = "", readKey = ""] = keys;

  const config = here(block("yaml", "sources:")).replace("PUSH_KEY", pushKey).replace("READ_KEY", readKey);
  writeFileSync(join(agentHome, "agent-config.yaml"), config, { mode: 0o600 });
  const doctor = await onSecond(there, agentHome, "doctor");
  expect(doctor.stdout).toContain("takes the key");
  const [command = "", ...args] = there;
  const agent = startChild({
    command,
    args: [...args, process.execPath, cliPath(), "start"],
    env: { FUSTOR_HOME: agentHome, FUSTOR_CONSOLE_PORT: "0" },
  });

  const curl = here(block("", "curl").split("\n")[0] ?? "")
    .replace("fusion.pem", join(files, "fusion.pem"))
    .replace("READ_KEY", readKey);
  let last = "";
  const isEqual = async (): Promise<boolean> => {
    const [shell = "", ...rest] = [...there, "sh", "-c", curl];
    const { stdout } = await execute(shell, rest, { maxBuffer: 1e8 }).catch((error) => ({ stdout: String(error) }));
    last = stdout.slice(0, 500);
    if (!stdout.startsWith('{"path"') && !stdout.startsWith('{"name"')) return false;
    const differences = compareTrees(readDisk(root), flattenTree(JSON.parse(stdout)));
    last = JSON.stringify(differences.slice(0, 5));
    return differences.length === 0;
  };
  const demandEqual = (what: string): Promise<true> =>
    waitFor(isEqual, { timeoutMs: 60_000, what: () => `${what}: ${last}\n${agent.output()}` });
  await demandEqual("the view equals the disk");
  await runShell("mkdir new; echo 1 > new/a; mv new renamed; rm -rf $(ls -d d* | head -1)", root, {});
  await demandEqual("the view follows the disk");
  const verified = await onSecond(there, agentHome, "verify", "files-to-fusion");
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);

  const views = await run(["fusion", "views"], { home });
  expect(views.stdout).toMatch(/^files +ready +/m);
  expect(views.stdout).toMatch(
    new RegExp(` files +files-pipe +leader +\\d+ s ago +\\S*${AGENT.replaceAll(".", "\\.")} +`),
  );
  const listed = JSON.parse((await run(["fusion", "keys", "list", "--json"], { home })).stdout);
  expect(listed.map(({ name }: { name: string | null }) => name)).toEqual(["machine a", null]);
  expect(listed.every(({ last_use }: { last_use: string | null }) => last_use !== null)).toBe(true);
  for (const key of keys) expect(fusion.output() + agent.output()).not.toContain(key.slice(12));
  await agent.end(20_000);
  expect((await fusion.end(20_000)).code).toBe(0);
});
