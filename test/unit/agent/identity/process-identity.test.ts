import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { formatIdentity, identityOf, isAlive, parseIdentity } from "../../../../src/agent/identity/process-identity.ts";

test("a process is alive under its own start time and not under another one", async () => {
  const self = await identityOf(process.pid);
  expect(self?.startTicks).toMatch(/^\d+$/);
  if (self === undefined) return;
  expect(await isAlive(self)).toBe(true);
  expect(await isAlive({ ...self, startTicks: `${self.startTicks}1` })).toBe(false);
  expect(await isAlive({ ...self, bootId: "another boot" })).toBe(false);
});

test("a process that ended is nobody", async () => {
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  await once(child, "spawn");
  const identity = await identityOf(child.pid ?? 0);
  expect(identity).toBeDefined();
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(identity !== undefined && (await isAlive(identity))).toBe(false);
});

test("a command name with spaces and parentheses does not shift the start time", async () => {
  const script = `require("fs").writeFileSync("/proc/self/comm", "a) S 1 (b"); console.log("up"); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const strange = await identityOf(child.pid ?? 0);
    const self = await identityOf(process.pid);
    expect(Number(strange?.startTicks)).toBeGreaterThanOrEqual(Number(self?.startTicks));
  } finally {
    child.kill("SIGKILL");
  }
});

test("what was written is read back, and the first line is the bare process id", () => {
  const identity = { pid: 4711, startTicks: "123456", bootId: "b-1", pidNamespace: "pid:[1]" };
  const text = formatIdentity(identity);
  expect(text.split("\n")[0]).toBe("4711");
  expect(parseIdentity(text)).toEqual(identity);
});

test.each([
  [""],
  ["4711\n"],
  ["-4\n5\nx\npid:[1]\n"],
  ["abc\n5\nx\npid:[1]\n"],
  ["4711\nnever\nx\npid:[1]\n"],
  ["4711\n5\nx\n"],
])("the pid file %j names nobody", (text) => {
  expect(parseIdentity(text)).toBeUndefined();
});
