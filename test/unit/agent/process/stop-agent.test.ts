import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { writeRecord } from "../../../../src/agent/identity/instance-record.ts";
import { identityOf } from "../../../../src/agent/identity/process-identity.ts";
import { stopAgent } from "../../../../src/agent/process/stop-agent.ts";
import { freshFolder } from "../folder.ts";

async function process_(script: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", `${script}; setInterval(() => {}, 1000); console.log("up")`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout ?? child, "data");
  return child;
}

async function homeOf(child: ChildProcess): Promise<string> {
  const home = await freshFolder();
  await writeRecord(home, await identityOf(child.pid ?? 0));
  return home;
}

const options = { graceMs: 5000, killMs: 5000, pollMs: 10 };

test("an agent whose socket is gone is asked by SIGTERM", async () => {
  const child = await process_(`process.on("SIGTERM", () => process.exit(7))`);
  const home = await homeOf(child);
  const exited = once(child, "exit");
  expect(await stopAgent(home, options)).toEqual({ kind: "stopped", pid: child.pid });
  expect((await exited)[0]).toBe(7);
});

test("an agent that does not listen is killed after the grace time and not before", async () => {
  const child = await process_(`process.on("SIGTERM", () => {})`);
  const home = await homeOf(child);
  const before = performance.now();
  expect(await stopAgent(home, { ...options, graceMs: 300 })).toEqual({ kind: "killed", pid: child.pid });
  expect(performance.now() - before).toBeGreaterThanOrEqual(300);
});

test("a process that got the id of a dead agent is left alone", async () => {
  const stranger = await process_("");
  const home = await freshFolder();
  const identity = await identityOf(stranger.pid ?? 0);
  if (identity === undefined) throw new Error("the stranger does not run");
  await writeRecord(home, { ...identity, startTicks: "1" });
  expect(await stopAgent(home, options)).toEqual({ kind: "not_running" });
  expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
});

test("a home without any pid file has no agent", async () => {
  expect(await stopAgent(await freshFolder(), options)).toEqual({ kind: "not_running" });
});
