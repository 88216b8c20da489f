/**
 * A Fusion whose name has two addresses, of which one serves. test/e2e/own-network.test.ts runs it in a network of its own, and its agents have
 * a hosts file of their own: both addresses are real.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createAgentHome } from "../support/agent-home.ts";
import { type AgentProcess, createAgentChild } from "../support/agent-process.ts";
import { killChildren } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { startLine } from "../support/dead-lines.ts";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";
import { canMount } from "../support/own-mounts.ts";
import { createTempFolder, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import type { ViewClient } from "../support/view-client.ts";
import { waitFor } from "../support/wait-for.ts";
import { run } from "./cli-process.ts";

/** docs/protocol.md: a quarter of `timeout_sec`, which is 30 by default, and 2.5 s at most. */
const ATTEMPT_MS = 2_500;
/** Node starts, lists and sends, on a busy machine. */
const ELSE_MS = 40_000;

/** Of documentation: neither this machine's nor anybody's. What is sent there is neither answered nor refused. */
const FAR = "198.51.100.1";
const SILENT = "192.0.2.1";
const SILENT_V6 = "2001:db8::dead";

/** The state of a connection that waits for the first answer, in /proc/net/tcp. */
const ASKED = "02";

const ip = (...args: string[]): void => void execFileSync("ip", args);

const own = (address: string): void => ip("address", "add", `${address}/32`, "dev", "lo");

/** A cable whose other end nobody listens at. */
function routeSilence(): void {
  ip("link", "add", "near", "type", "veth", "peer", "name", "far");
  onTestFinished(() => ip("link", "delete", "near"));
  for (const end of ["near", "far"]) ip("link", "set", end, "up");
  // Node asks for addresses of the families that the machine has beside loopback.
  ip("address", "add", "203.0.113.1/24", "dev", "near");
  ip("-6", "address", "add", "2001:db8::1/64", "dev", "near", "nodad");
  ip("-6", "neighbour", "add", SILENT_V6, "lladdr", "02:00:00:00:00:99", "dev", "near");
}

const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"';
const RESOLVE =
  'dns.lookup("localhost", { all: true, hints: dns.ADDRCONFIG }, (_, all) => console.log(JSON.stringify(all.map((one) => one.address))))';

interface Scene {
  readonly agent: AgentProcess;
  readonly view: ViewClient;
  readonly root: string;
}

/** An agent whose Fusion has these addresses, in the order in which it gets them; it listens at all of this machine's IPv4 addresses. */
async function setup(addresses: readonly string[]): Promise<Scene> {
  const hosts = join(createTempFolder("hosts"), "hosts");
  writeFileSync(hosts, addresses.map((address) => `${address} localhost\n`).join(""));
  const inThere = ["-m", "sh", "-c", WITH_HOSTS, hosts, process.execPath];
  expect(JSON.parse(execFileSync("unshare", [...inThere, "-e", RESOLVE], { encoding: "utf8" }))).toEqual(addresses);
  const fusion = await createEmbeddedFusion();
  await fusion.start();
  const line = await startLine(Number(new URL(fusion.receiver.url).port), "0.0.0.0");
  onTestFinished(() => line.close());
  const root = createTempFolder("two-addresses");
  mkdirSync(join(root, "d"));
  writeFileSync(join(root, "d/f"), "x");
  const home = createAgentHome({ root, receiver: { ...fusion.receiver, url: `http://localhost:${line.port}` } });
  const command = { name: "the agent", command: "unshare", args: [...inThere, cliPath(), "start"] };
  const agent = createAgentChild({ ...command, env: { FUSTOR_CONSOLE_PORT: "0" } }, home);
  agent.start();
  return { agent, view: fusion.view, root };
}

/** The view is the tree in time and follows it, and no attempt to reach Fusion failed. */
async function converges({ agent, view, root }: Scene, boundMs: number): Promise<void> {
  await waitUntilEqual(view, root, { timeoutMs: boundMs + ELSE_MS }).catch((error: unknown) => {
    throw new Error(`${error}\n${agent.output()}`);
  });
  writeFileSync(join(root, "d/later"), "x");
  await waitUntilEqual(view, root, { timeoutMs: ELSE_MS });
  const { stdout } = await run(["status", "--json"], { home: agent.home });
  const [pipe] = (JSON.parse(stdout) as { readonly pipes: readonly object[] }).pipes;
  expect(pipe).toMatchObject({ state: "running", failures: 0 });
  expect(await agent.terminate()).toEqual({ code: 0, signal: null });
}

/** Whether this machine asks that address for a connection and has got no answer. */
function isAsked(address: string): boolean {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  const written = bytes.reverse().join("").toUpperCase();
  const lines = readFileSync("/proc/net/tcp", "utf8").split("\n");
  return lines.some((line) => new RegExp(`^ *\\d+: \\S+ ${written}:\\S+ ${ASKED} `).test(line));
}

/** It changes the addresses of the machine that it runs on. */
function demandOwnNetwork(): void {
  const [, , ...lines] = readFileSync("/proc/net/dev", "utf8").trimEnd().split("\n");
  const names = lines.map((line) => line.split(":")[0]?.trim());
  expect(names, "run test/e2e/own-network.test.ts, which makes a network for this one").toEqual(["lo"]);
}

describe.runIf(canMount())("a Fusion with two addresses", () => {
  beforeAll(demandOwnNetwork);

  afterEach(async () => {
    await killChildren();
    removeTempFolders();
    for (const address of [FAR, SILENT]) {
      execFileSync("sh", ["-c", `ip address delete ${address}/32 dev lo; ip route delete ${address}/32; true`], {
        stdio: "ignore",
      });
    }
  });

  test("is reached at the second when nothing listens at the first", async () => {
    await converges(await setup(["::1", "127.0.0.1"]), 0);
  });

  test("is reached at the second when the first never answers, one attempt later", async () => {
    routeSilence();
    // One attempt for the session; those for heartbeats and batches come after it, and together.
    await converges(await setup([SILENT_V6, "127.0.0.1"]), 2 * ATTEMPT_MS);
  });

  test("is reached at the first over a way of a second, although the second never answers", async () => {
    own("203.0.113.1");
    onTestFinished(() => ip("address", "delete", "203.0.113.1/32", "dev", "lo"));
    for (const address of [FAR, SILENT]) ip("route", "add", `${address}/32`, "dev", "lo", "src", "203.0.113.1");
    const scene = await setup([FAR, SILENT]);
    await waitFor(() => isAsked(FAR), { timeoutMs: ELSE_MS, intervalMs: 5, what: "the agent asks the first one" });
    // From here on it answers: the kernel asks again a second after it first asked. Node itself would have given it up by then.
    own(FAR);
    await converges(scene, ATTEMPT_MS);
  });
});
