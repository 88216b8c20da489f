/** The three blocks of the customer's readme as one configuration, with nothing but the root and the key changed. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { killChildren, startChild } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { createEmbeddedFusion } from "../support/embedded-fusion.ts";
import type { FusionProcess } from "../support/fusion-process.ts";
import { PATIENCE } from "../support/patience.ts";
import { createTempFolder, growTree, removeTempFolders } from "../support/temp-tree.ts";
import { waitUntilEqual } from "../support/tree-compare.ts";
import { waitFor } from "../support/wait-for.ts";

const BLOCKS = fileURLToPath(new URL("../fixtures/customer-config.yaml", import.meta.url));
const CONSOLE = "http://localhost:8100";
const PIPE = "phase-files-to-fusion";
const WITHIN = { timeoutMs: 20_000 };

let root: string;
let home: string;
let fusion: FusionProcess;

/** The readme's ports are the point of this test: somebody else on them is a failure, not a reason to skip. */
function demandFreePort(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error) => reject(new Error(`the readme needs port ${port}: ${error.message}`)));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve()));
  });
}

interface Ran {
  readonly code: number;
  readonly printed: string;
}

/** Runs one command to its end with the home of this test and the default console. */
function fustorAgent(...args: string[]): Promise<Ran> {
  const env: NodeJS.ProcessEnv = { ...process.env, FUSTOR_HOME: home };
  delete env.FUSTOR_CONSOLE_PORT;
  return new Promise((resolve) => {
    execFile(process.execPath, [cliPath(), ...args], { env, timeout: 60_000 * PATIENCE }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ code, printed: stdout + stderr });
    });
  });
}

/** A daemon leaves our process group: it is ended by its own pid file. */
function killDaemon(): void {
  try {
    process.kill(Number.parseInt(readFileSync(join(home, "agent.pid"), "utf8"), 10), "SIGKILL");
  } catch {
    // None runs: the usual case.
  }
}

/** The page without a token, or whole with the one of the home. */
async function pageText(token?: string): Promise<string> {
  const url = token === undefined ? CONSOLE : `${CONSOLE}/?token=${token}`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toContain("text/html");
  return answer.text();
}

const tokenOfHome = (): string => readFileSync(join(home, "console.token"), "utf8").trim();

beforeEach(async () => {
  for (const port of [8100, 8101, 8102]) await demandFreePort(port);
  root = createTempFolder("research");
  home = createTempFolder("readme-home");
  growTree(root, { seed: 2, files: 300 });
  fusion = await createEmbeddedFusion({ ports: { view: 8101, receiver: 8102 } });
  await fusion.start();
  const blocks = readFileSync(BLOCKS, "utf8");
  const config = blocks.replace("/data/research", root).replace("YOUR_API_KEY_HERE", fusion.receiver.pushKey);
  writeFileSync(join(home, "agent-config.yaml"), config);
});

afterEach(async () => {
  killDaemon();
  await killChildren();
  removeTempFolders();
});

test("`fustor-agent start` keeps Fusion's view equal and shows itself on http://localhost:8100", async () => {
  const env = { FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: undefined };
  const agent = startChild({ command: process.execPath, args: [cliPath(), "start"], env });
  await fusion.view.waitUntilOpen(WITHIN.timeoutMs);
  await waitUntilEqual(fusion.view, root, WITHIN);
  writeFileSync(join(root, "fresh"), "new");
  await waitUntilEqual(fusion.view, root, WITHIN);
  expect(await pageText()).toMatch(/>running</);
  expect(await pageText(tokenOfHome())).toContain(PIPE);
  expect(await agent.end()).toEqual({ code: 0, signal: null });
  expect(await fusion.view.sessions()).toEqual([]);
});

test("`start -D`, `status` and `stop` do what the readme says", async () => {
  expect(await fustorAgent("start", "-D")).toMatchObject({ code: 0 });
  expect(await fustorAgent("status")).toMatchObject({ code: 0, printed: expect.stringContaining(PIPE) });
  await fusion.view.waitUntilOpen(WITHIN.timeoutMs);
  await waitUntilEqual(fusion.view, root, WITHIN);
  const { printed } = await fustorAgent("status");
  expect(printed).toContain(`${CONSOLE}/?token=${tokenOfHome()}`);
  expect(await pageText(tokenOfHome())).toContain(PIPE);
  expect(await fustorAgent("stop")).toMatchObject({ code: 0 });
  expect(await fustorAgent("status")).toMatchObject({ code: 3 });
  await waitFor(async () => (await fusion.view.sessions()).length === 0, {
    timeoutMs: 1000,
    what: "no session is left",
  });
  await expect(fetch(CONSOLE)).rejects.toThrow();
});
