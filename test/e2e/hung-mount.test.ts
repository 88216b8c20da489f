/** A file system below the root that stops answering: sshfs whose daemon is stopped. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { mountStoppable, type StoppableMount } from "../support/sshfs-mount.ts";
import { cli, eventually, folder, run } from "./cli-process.ts";

const PATIENCE_MS = 90_000;

async function hangingTree(): Promise<{ root: string; mount: StoppableMount }> {
  const root = await folder();
  await mkdir(join(root, "m"));
  await mkdir(join(root, "other"));
  await writeFile(join(root, "other", "old"), "1");
  const mount = await mountStoppable(join(root, "m"));
  await mkdir(join(mount.behind, "sub"));
  await writeFile(join(mount.behind, "sub", "e"), "1");
  return { root, mount };
}

const shell = async (line: string): Promise<string> => (await promisify(execFile)("sh", ["-c", line])).stdout;

/** Whether a thread of that process waits for an answer of a FUSE daemon. */
async function waitsForFuse(pid: number): Promise<boolean> {
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const where = await readFile(`/proc/${pid}/task/${thread}/wchan`, "utf8").catch(() => "");
    if (where.includes("request_wait_answer")) return true;
  }
  return false;
}

test(
  "demo sees what happens beside a mount that stopped answering, what happened in it afterwards, and ends while it hangs",
  async () => {
    const { root, mount } = await hangingTree();
    const demo = cli(["demo", root]);
    await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
    const curl = /curl .*/.exec(demo.stdout)?.[0] ?? "false";
    const shows = (...names: readonly string[]) =>
      eventually(`the view shows ${names}`, async () => {
        const text = await shell(curl);
        return names.every((name) => text.includes(`"${name}"`));
      });
    await shows("/m/sub/e", "/other/old");
    mount.stop();
    await writeFile(join(mount.behind, "sub", "meanwhile"), "1");
    await writeFile(join(root, "other", "new"), "1");
    await writeFile(join(root, "beside"), "1");
    await shows("/other/new", "/beside", "/m/sub/e");
    mount.resume();
    await shows("/m/sub/meanwhile");
    mount.stop();
    // It is polled every ten seconds: soon a thread waits in there.
    const { pid } = demo.child;
    await eventually(
      "a thread waits for the mount",
      async () => pid !== undefined && (await waitsForFuse(pid)),
      40_000,
    );
    demo.child.kill("SIGINT");
    expect(await demo.ended).toMatchObject({ code: 0 });
  },
  PATIENCE_MS,
);

test(
  "a scan names the mount that does not answer and shows everything else",
  async () => {
    const { root, mount } = await hangingTree();
    mount.stop();
    const { stdout, stderr } = await run(["scan", root]);
    expect(stdout).toContain("/other/old");
    expect(stdout + stderr).toMatch(/ETIMEDOUT/);
  },
  PATIENCE_MS,
);
