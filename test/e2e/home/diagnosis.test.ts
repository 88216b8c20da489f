/** The commands that look: they work on a plain pipe, show no secret, and end when they are asked to. */
import { execFileSync } from "node:child_process";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { agentHome, cli, folder, run } from "../cli-process.ts";

const SECRET = "push-s3cret-0123";

async function home(): Promise<string> {
  const [path, root] = [await agentHome(), await folder()];
  const config = {
    sources: { files: { driver: "fs", uri: root } },
    senders: { out: { driver: "echo", uri: `https://me:${SECRET}@echo.example/`, credential: { key: SECRET } } },
    pipes: { p: { source: "files", sender: "out" } },
  };
  await writeFile(join(path, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  return path;
}

test("config print is YAML with every default, and holds no secret; schema is JSON", async () => {
  const path = await home();
  const [text, json, schema] = await Promise.all([
    run(["config", "print"], { home: path }),
    run(["config", "print", "--json"], { home: path }),
    run(["schema"]),
  ]);
  expect([text.code, json.code, schema.code]).toEqual([0, 0, 0]);
  for (const { stdout, stderr } of [text, json]) expect(stdout + stderr).not.toContain("s3cret");
  expect(parse(text.stdout)).toMatchObject({ pipes: { p: { source: "files", audit_interval_sec: 600 } } });
  expect(text.stdout).toContain(`# ${join(path, "agent-config.yaml")}:1`);
  expect(text.stdout).toMatch(/enabled: false +# environment FUSTOR_CONSOLE_PORT/);
  expect(JSON.parse(json.stdout)).toMatchObject({
    home: path,
    values: { pipes: { p: { source: { value: "files" } } } },
  });
  expect(JSON.parse(schema.stdout)).toHaveProperty("properties.sources");
});

test("config print of a configuration that is wrong says so and ends with 78", async () => {
  const path = await home();
  await writeFile(join(path, "agent-config.yaml"), "pipse: {}\n", { mode: 0o600 });
  const { code, stdout, stderr } = await run(["config", "print"], { home: path });
  expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
  expect(stderr).toContain('did you mean "pipes"');
});

test.each([
  [["status", "--watch", "0.1"], /^(STOPPED .*\n){2}/],
  [["status", "--watch", "0.1", "--json"], /^(\{"state":"stopped".*\n){2}/],
  [["top", "-i", "0.1"], /^(STOPPED .*\n){2}/],
])("%j without an agent goes on saying so until a signal, and ends with 3", async (args, shape) => {
  const watch = cli(args, { home: await home() });
  await watch.until("it was said twice", ({ stdout }) => shape.test(stdout));
  watch.child.kill("SIGINT");
  expect(await watch.ended).toMatchObject({ code: 3, stderr: "" });
});

test("top prints a line for each pipe of a running agent, and ends when its reader goes", async () => {
  const path = await home();
  const agent = cli(["start"], { home: path });
  const top = cli(["top", "-i", "0.1"], { home: path });
  await top.until("the pipe is live", ({ stdout }) => /Z p role=leader phase=live rate\/s=\d/.test(stdout));
  top.child.stdout.destroy();
  expect(await top.ended).toMatchObject({ code: 0, stderr: "" });
  agent.child.kill("SIGTERM");
  expect((await agent.ended).code).toBe(0);
});

test("diag packs what the other commands say, without secrets, and without names unless it is asked to", async () => {
  const path = await home();
  const root = join(path, "..", `${path.split("/").at(-1)}-named`);
  await mkdir(join(root, "patient-name"), { recursive: true });
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const file = join(path, "agent-config.yaml");
  const config = (await readFile(file, "utf8")).replace(/"uri":"\/[^"]*"/, `"uri":${JSON.stringify(root)}`);
  await writeFile(file, config);
  await writeFile(
    join(path, "fustor_agent.log"),
    `${JSON.stringify({ time: "2026-01-01T00:00:00Z", level: "warn", msg: "lost /patient-name/x", key: SECRET })}\n`,
  );
  const unpack = (archive: string): string => execFileSync("tar", ["xzfO", archive], { encoding: "utf8" });
  const [bare, named] = [join(path, "bare.tar.gz"), join(path, "named.tar.gz")];
  expect(await run(["diag", bare], { home: path })).toMatchObject({ code: 0, stderr: "" });
  expect(await run(["diag", named, "--names"], { home: path })).toMatchObject({ code: 0, stderr: "" });
  expect((await stat(bare)).mode & 0o777).toBe(0o600);
  for (const archive of [bare, named]) expect(unpack(archive)).not.toContain("s3cret");
  expect(unpack(bare)).not.toContain("patient-name");
  expect(unpack(named)).toContain("patient-name");
  const names = execFileSync("tar", ["tzf", bare], { encoding: "utf8" }).trim().split("\n");
  expect(names).toEqual(["versions.json", "doctor.json", "status.txt", "config.yaml", "log.jsonl"]);
  expect(await run(["diag", bare], { home: path })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("EEXIST"),
  });
});

test.each([["0"], ["-1"], ["soon"], ["1e9"]])("--watch %s is a usage error", async (seconds) => {
  expect(await run(["status", `--watch=${seconds}`])).toMatchObject({ code: 64, stdout: "" });
});

test("what is no file in the place of log and token holds up no command, nor does an address with a bare percent sign", async () => {
  const path = await home();
  const file = join(path, "agent-config.yaml");
  await writeFile(file, (await readFile(file, "utf8")).replace(`me:${SECRET}@`, `me:100%${SECRET}@`));
  execFileSync("mkfifo", ["-m", "600", join(path, "fustor_agent.log"), join(path, "console.token")]);
  const archive = join(path, "bare.tar.gz");
  const [diag, logs] = await Promise.all([run(["diag", archive], { home: path }), run(["logs"], { home: path })]);
  expect(diag).toMatchObject({ code: 0, stderr: "" });
  expect(execFileSync("tar", ["xzfO", archive], { encoding: "utf8" })).not.toContain("s3cret");
  expect(logs).toMatchObject({ code: 78, stderr: expect.stringContaining("no regular file") });
});
