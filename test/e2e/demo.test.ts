import { execFile } from "node:child_process";
import { mkdir, readdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { lasting } from "../support/wait-for.ts";
import { cli, eventually, folder, run } from "./cli-process.ts";

const shell = async (line: string): Promise<string> => (await promisify(execFile)("sh", ["-c", line])).stdout;

async function tree(): Promise<string> {
  const root = await folder();
  await mkdir(join(root, "deep", "er"), { recursive: true });
  await writeFile(join(root, "deep", "er", "file"), "content");
  await writeFile(join(root, "it's a $name"), "x");
  await symlink("nowhere", join(root, "dangling"));
  return root;
}

test("--once ends with 0 when the view equals the directory, and its home is gone", async () => {
  // Of its own: demos of other tests come and go in the common one.
  const temporary = await folder();
  const root = await tree();
  const { code, stdout, stderr } = await run(["demo", root, "--once"], { env: { TMPDIR: temporary } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^snapshot {2}6 rows, complete/m);
  expect(stdout).toMatch(/^live {2}leader {2}5 entries/m);
  expect(stdout).toContain("complete and equal");
  // A pipe is no terminal: nothing is rewritten in place.
  expect(stdout).not.toContain("\r");
  expect(await readdir(temporary)).toEqual([]);
});

test("the printed curl line shows the tree, changes arrive there, and Ctrl-C ends it with 0", async () => {
  const root = await tree();
  const demo = cli(["demo", root]);
  await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  const curl = /curl .*/.exec(demo.stdout)?.[0] ?? "false";
  expect(JSON.parse(await shell(curl))).toMatchObject({ path: "/", content_type: "directory" });
  await writeFile(join(root, "deep", "new"), "12345");
  await rename(join(root, "deep"), join(root, "moved"));
  await rm(join(root, "dangling"));
  await eventually("the view follows", async () => {
    const text = await shell(curl);
    return (
      text.includes('"/moved/er/file"') &&
      text.includes('"/moved/new"') &&
      !text.includes("dangling") &&
      !text.includes('"/deep')
    );
  });
  demo.child.kill("SIGINT");
  expect(await demo.ended).toMatchObject({ code: 0, stderr: "" });
});

test("its home is not reported when it lies inside the watched directory", async () => {
  const root = await tree();
  const demo = cli(["demo", root], { env: { TMPDIR: root } });
  await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  expect(await readdir(root)).toEqual(expect.arrayContaining([expect.stringMatching(/^fustor-demo-/)]));
  const curl = /curl .*/.exec(demo.stdout)?.[0] ?? "false";
  expect(await shell(curl)).not.toContain("fustor-demo-");
  demo.child.kill("SIGTERM");
  expect((await demo.ended).code).toBe(0);
  expect(await readdir(root)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^fustor-demo-/)]));
});

test("two demos run side by side", async () => {
  const first = cli(["demo", await tree()]);
  await first.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  const second = await run(["demo", await tree(), "--once"]);
  expect(second.code).toBe(0);
  first.child.kill("SIGTERM");
  expect((await first.ended).code).toBe(0);
});

test("the caller's own home, variables and .env have no say in it", async () => {
  const root = await tree();
  await writeFile(join(root, ".env"), "FUSTOR_CONFIG_DIR=/nonexistent\n");
  const env = { FUSTOR_HOME: "/nonexistent", FUSTOR_CONFIG_DIR: "/nonexistent" };
  expect(await run(["demo", "--once"], { cwd: root, env })).toMatchObject({ code: 0 });
});

test("run by npm, a directory is relative to where the user stands", async () => {
  const [root, checkout] = [await tree(), await folder()];
  const env = { INIT_CWD: root, npm_package_json: join(checkout, "package.json") };
  const { code, stdout } = await run(["demo", "deep", "--once"], { cwd: checkout, env });
  expect(code).toBe(0);
  expect(stdout).toContain(`Watching ${join(root, "deep")}\n`);
});

test("a directory that is not there is one line on stderr and exit code 1", async () => {
  const { code, stderr } = await run(["demo", "/no/such/directory"]);
  expect(code).toBe(1);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("a reader that goes away ends it quietly, although nothing happens in the tree", async () => {
  const demo = cli(["demo", await tree()]);
  await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  demo.child.stdout.destroy();
  expect(await demo.ended).toMatchObject({ code: 0, stderr: "" });
});

test("a reader that goes away ends it quietly at the next event", async () => {
  const root = await tree();
  const demo = cli(["demo", root]);
  await demo.until("it is live", ({ stdout }) => /^live/m.test(stdout));
  demo.child.stdout.destroy();
  for (let n = 0; demo.child.exitCode === null && n < 100; n++) {
    await writeFile(join(root, `f${n}`), "x");
    await lasting(100, "the pace of the writer");
  }
  expect(await demo.ended).toMatchObject({ code: 0, stderr: "" });
});
