/** Tests that need a network of their own: for the ports of the documentation, which nobody else can hold there, or for addresses. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { canMount } from "../support/own-mounts.ts";
import { PATIENCE } from "../support/patience.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Without root it takes a user namespace, in which we are root. */
const NAMESPACES = process.getuid?.() === 0 ? ["--net"] : ["--user", "--map-root-user", "--net"];
const SCRIPT =
  'ip link set lo up && exec "$0" node_modules/vitest/vitest.mjs run --project own-network --reporter=tree "$1"';

async function passesThere(file: string): Promise<void> {
  const { code, printed } = await new Promise<{ code: number; printed: string }>((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };
    const args = [...NAMESPACES, "sh", "-c", SCRIPT, process.execPath, file];
    execFile("unshare", args, { cwd: ROOT, timeout: 110_000 * PATIENCE, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), printed: `${stdout}${stderr}` });
    });
  });
  expect(code, printed).toBe(0);
  expect(printed).toMatch(/Tests +\d+ passed/);
}

test("what the readme says holds on the ports that it names", () => passesThere("readme-blocks"));

test.runIf(canMount())("a Fusion with two addresses is reached when one of them serves", () =>
  passesThere("two-addresses"),
);

test("an agent on one machine and Fusion on another keep a view equal", () => passesThere("two-machines"));
