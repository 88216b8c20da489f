/** The agent as the first process of a pid namespace, as in a container: no default action of a signal helps it there. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cliPath } from "../../support/cli-path.ts";
import { agentHome, eventually, folder, run } from "../cli-process.ts";

test.runIf(process.getuid?.() === 0)("as PID 1 the agent says so, answers and stops in order at SIGTERM", async () => {
  const [home, root] = [await agentHome(), await folder()];
  const config = {
    sources: { s: { driver: "fs", uri: root } },
    senders: { e: { driver: "echo" } },
    pipes: { p: { source: "s", sender: "e" } },
  };
  await writeFile(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  const args = ["--pid", "--fork", "--mount-proc", "--kill-child", process.execPath, cliPath(), "start"];
  const container = spawn("unshare", args, { env, stdio: "ignore" });
  onTestFinished(() => void container.kill("SIGKILL"));
  await eventually("the agent answers on its socket", async () => {
    const { stdout } = await run(["status", "--json"], { home });
    const { state, pid } = JSON.parse(stdout) as { readonly state: string; readonly pid?: number };
    return state === "running" && pid === 1;
  });
  const doctor = await run(["doctor", "--json"], { home });
  expect(doctor.stdout).toContain("an agent of another container or machine has this home");
  // From outside of its namespace the agent has another number: unshare(1) waits for it and passes its exit code on.
  const children = await childrenOf(container.pid ?? 0);
  expect(children).toHaveLength(1);
  const ended = once(container, "exit");
  process.kill(children[0] ?? 0, "SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect((await run(["status"], { home })).code).toBe(3);
});

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}
