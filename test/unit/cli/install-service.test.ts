/** The agent as a service, put into a folder that stands for the root of a machine. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";
import { type InstallOptions, installService } from "../../../src/cli/commands/install-service.ts";
import { troubleWith, unitText } from "../../../src/cli/service/unit.ts";
import { Terminal } from "../../../src/cli/terminal.ts";

const UNIT = "etc/systemd/system/fustor-agent.service";
const HOME = "var/lib/fustor-agent";
/** Any file that is there. */
const SCRIPT = "/etc/hostname";

async function machine(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "fustor-root-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "etc"));
  await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  await writeFile(join(root, "etc/group"), "root:x:0:\n");
  return root;
}

async function install(root: string, own: Partial<InstallOptions> = {}) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const options = { user: "fustor", home: "/var/lib/fustor-agent", root, ...own };
  const code = await installService(options, new Terminal(out, err), SCRIPT).finally(() => {
    out.end();
    err.end();
  });
  return { code, said: await text(out), complaints: await text(err) };
}

const isRoot = process.getuid?.() === 0;

test("a dry run says each step and the whole unit, and changes nothing", async () => {
  const root = await machine();
  const { code, said } = await install(root, { dryRun: true });
  expect(code).toBe(0);
  for (const part of [
    "* make the user fustor",
    "* make the home",
    "* write a sample",
    "* write the unit",
    "User=fustor",
  ]) {
    expect(said).toContain(part);
  }
  expect(said).toContain(`ExecStart=${process.execPath} ${SCRIPT} start`);
  expect(await readdir(root)).toEqual(["etc"]);
  expect(await readdir(join(root, "etc"))).toEqual(["group", "passwd"]);
});

test.skipIf(!isRoot)("user, home, configuration and unit are made, each for whom it is", async () => {
  const root = await machine();
  expect((await install(root)).code).toBe(0);
  const passwd = await readFile(join(root, "etc/passwd"), "utf8");
  const [, , uid, gid, , home, shell] =
    passwd
      .split("\n")
      .find((line) => line.startsWith("fustor:"))
      ?.split(":") ?? [];
  expect([home, shell]).toEqual(["/var/lib/fustor-agent", "/usr/sbin/nologin"]);
  for (const [path, mode] of [
    [HOME, 0o700],
    [`${HOME}/agent-config.yaml`, 0o600],
  ] as const) {
    const facts = await stat(join(root, path));
    expect([facts.uid, facts.gid, facts.mode & 0o777]).toEqual([Number(uid), Number(gid), mode]);
  }
  const unit = await stat(join(root, UNIT));
  expect([unit.uid, unit.mode & 0o777]).toEqual([0, 0o644]);
});

test.skipIf(!isRoot)("the user reaches its home and systemd its unit, whatever the umask of root is", async () => {
  const root = await machine();
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  expect((await install(root, { home: "/srv/of/fustor" })).code).toBe(0);
  const modeOf = async (path: string): Promise<number> => (await stat(join(root, path))).mode & 0o777;
  const modes = await Promise.all(["srv", "srv/of", "srv/of/fustor", "etc/systemd/system", UNIT].map(modeOf));
  expect(modes).toEqual([0o755, 0o755, 0o700, 0o755, 0o644]);
});

test.skipIf(!isRoot)("what is there stays, but for a unit of another installation, which is kept beside", async () => {
  const root = await machine();
  await install(root);
  await writeFile(join(root, HOME, "agent-config.yaml"), "mine");
  await chmod(join(root, HOME), 0o750);
  const again = await install(root);
  expect(again.said).not.toContain("* ");
  await writeFile(join(root, UNIT), "[Service]\nExecStart=/old\n");
  expect((await install(root)).said).toContain("fustor-agent.service.old");
  expect(await readFile(join(root, `${UNIT}.old`), "utf8")).toContain("/old");
  expect(await readFile(join(root, HOME, "agent-config.yaml"), "utf8")).toBe("mine");
  expect((await stat(join(root, HOME))).mode & 0o777).toBe(0o750);
});

const TEMPLATE = await readFile(new URL("../../../share/systemd/fustor-agent.service", import.meta.url), "utf8");
const FACTS = { user: "watcher", home: "/srv/a b%c", node: "/opt/no de/bin/node", script: "/opt/$x/main.js" };

test("names that mean something to systemd are written so that it takes them as they are", () => {
  const unit = unitText(TEMPLATE, FACTS);
  expect(unit).toContain('ExecStart="/opt/no de/bin/node" "/opt/$$x/main.js" start\n');
  expect(unit).toContain('Environment="FUSTOR_HOME=/srv/a b%%c"\n');
  expect(unit).toContain("User=watcher\n");
  // A user that was there may have a group of another name: systemd takes that of the user.
  expect(unit).not.toContain("Group=");
  expect(unit).not.toContain("StateDirectory");
  expect(unit).toContain("AmbientCapabilities=CAP_DAC_READ_SEARCH CAP_SYS_ADMIN\n");
});

test.skipIf(!existsSync("/usr/bin/systemd-analyze"))("systemd has nothing against the unit", async () => {
  const root = await machine();
  const file = join(root, "fustor-agent.service");
  await writeFile(
    file,
    unitText(TEMPLATE, { ...FACTS, user: "root", node: process.execPath, script: "/etc/hostname" }),
  );
  execFileSync("systemd-analyze", ["verify", "--man=no", file], { stdio: "pipe" });
});

test.each([
  [{ user: "Bad Name", home: "/h" }],
  [{ user: "root", home: "/h" }],
  [{ user: "x\nExecStart=/evil", home: "/h" }],
  [{ user: "fustor", home: "relative" }],
  [{ user: "fustor", home: "/a\nUser=root" }],
  [{ user: "fustor", home: "/a/../etc" }],
  [{ user: "fustor", home: "/" }],
])("%j is refused", async (asked) => {
  expect(troubleWith(asked)).toBeDefined();
  expect((await install("/nowhere", { ...asked, dryRun: true })).code).toBe(64);
});
