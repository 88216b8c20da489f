/** Roots that are reached in odd ways: through another mount namespace, through a link, under a name that is not UTF-8. */
import { execFileSync, spawn } from "node:child_process";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cliPath } from "../support/cli-path.ts";
import { canMount } from "../support/own-mounts.ts";
import { cli, eventually, folder, run } from "./cli-process.ts";

const pathsOf = (stdout: string): string[] =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line) => (JSON.parse(line) as { path: string }).path)
    .sort();

/** A process with mounts of its own, on which a file system of its own lies at `root`; its name for that root, seen from here. */
async function elsewhere(root: string): Promise<string> {
  const script = `mount -t tmpfs none "$0" && mkdir "$0/a" && echo x > "$0/a/inside" && echo ready && exec sleep 600`;
  const child = spawn("unshare", ["-m", "sh", "-c", script, root], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  await eventually("the other namespace is ready", async () => said.includes("ready"));
  return `/proc/${child.pid}/root${root}`;
}

describe.runIf(canMount())("a root below /proc/PID/root", () => {
  test("is the tree of that process for scan, watch and demo, and not the one of the same name here", async () => {
    const root = await folder();
    await writeFile(join(root, "outside"), "x");
    const there = await elsewhere(root);
    expect(pathsOf((await run(["scan", there])).stdout)).toEqual(["/", "/a", "/a/inside"]);

    const watch = cli(["watch", there]);
    await watch.until("it is ready", ({ stdout }) => stdout.includes('"ready"'));
    await writeFile(join(there, "a", "new"), "x");
    await watch.until("the change", ({ stdout }) => stdout.includes('"/a/new"'));
    watch.child.kill("SIGINT");
    expect((await watch.ended).stdout).not.toContain("outside");

    const { code, stdout } = await run(["demo", there, "--once"]);
    expect(stdout).toContain(`Watching ${there}`);
    expect(stdout).toContain("The view is complete and equal: 3 entries");
    expect(code).toBe(0);
  });
});

test("a root that is a link and is pointed elsewhere is told, and so is its return", async () => {
  const base = await folder();
  for (const name of ["one", "two"]) {
    await mkdir(join(base, name));
    await writeFile(join(base, name, `in-${name}`), "x");
  }
  const link = join(base, "root");
  await symlink("one", link);
  const watch = cli(["watch", link]);
  await watch.until("it is ready", ({ stdout }) => stdout.includes('"ready"'));
  await symlink("two", `${link}.new`);
  await rename(`${link}.new`, link);
  await watch.until("that it is another directory", ({ stderr }) =>
    stderr.includes("another directory stands at the root"),
  );
  await rm(link);
  await symlink("one", link);
  await watch.until("that it is back", ({ stderr }) => stderr.includes("is back"));
  await writeFile(join(base, "one", "new"), "x");
  await watch.until("the change", ({ stdout }) => stdout.includes('"/new"'));
  expect(watch.stdout).not.toContain("in-two");
});

test("`..` behind a link leads where it leads for every program", async () => {
  const base = await folder();
  await mkdir(join(base, "far", "deep"), { recursive: true });
  await writeFile(join(base, "far", "right"), "x");
  await mkdir(join(base, "near"));
  await writeFile(join(base, "near", "wrong"), "x");
  await symlink(join(base, "far", "deep"), join(base, "near", "link"));
  const { stdout } = await run(["scan", "near/link/.."], { cwd: base });
  expect(pathsOf(stdout)).toEqual(["/", "/deep", "/right"]);
});

test("a root whose name is not UTF-8 is refused with the cure, and seen through a link to it", async () => {
  const base = await folder();
  const shell = (script: string): string =>
    execFileSync("sh", ["-c", `${script} 2>&1; true`, process.execPath, cliPath()], { cwd: base, encoding: "utf8" });
  shell(`d=$(printf 'odd-\\377'); mkdir "$d"; echo x > "$d/f"; ln -s "$d" readable`);
  const said = shell(`"$0" "$1" scan "$(printf 'odd-\\377')"`);
  expect(said).toContain("not UTF-8");
  expect(said).toContain("ln -s");
  expect(said.trimEnd().split("\n")).toHaveLength(1);
  expect(pathsOf((await run(["scan", "readable"], { cwd: base })).stdout)).toEqual(["/", "/f"]);
  expect((await run(["demo", "readable", "--once"], { cwd: base })).code).toBe(0);
});

test.runIf(canMount())("the demo says that it keeps what a replaced mount held", async () => {
  const root = await folder();
  const place = join(root, "m");
  await mkdir(place);
  const mount = (): void => void execFileSync("mount", ["-t", "tmpfs", "none", place]);
  const unmount = (): void => void execFileSync("umount", ["-l", place], { stdio: "ignore" });
  onTestFinished(() => {
    try {
      unmount();
    } catch {
      // Unmounted already.
    }
  });
  mount();
  await writeFile(join(place, "f"), "x");
  const demo = cli(["demo", root]);
  await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  unmount();
  mount();
  await demo.until("that it keeps the rows", ({ stdout }) => /^Kept {5}\/m: what was mounted there/m.test(stdout));
  await demo.until("the line says so, too", ({ stdout }) => /^live .* 1 lost mount kept$/m.test(stdout));
  demo.child.kill("SIGINT");
  expect((await demo.ended).code).toBe(0);
});
