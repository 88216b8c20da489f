import { execFileSync } from "node:child_process";
import { lstat, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DeadLetterFile } from "../../../../src/agent/state/dead-letter-file.ts";
import { DeletedJournal } from "../../../../src/agent/state/deleted-journal.ts";
import { readOwnFile, sweepTemporaries, temporaryOf, writeDurably } from "../../../../src/agent/state/durable-file.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";
import { mountWithoutLinks } from "../../../support/sshfs-mount.ts";
import { freshFolder } from "../folder.ts";

const isRoot = process.getuid?.() === 0;

/** A file system of its own with room for so many bytes. */
async function smallDisk(bytes: number): Promise<string> {
  const folder = await freshFolder();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", folder]);
  onTestFinished(() => void execFileSync("umount", ["-l", folder]));
  return folder;
}

test("the present generation and the one before are whole files", async () => {
  const path = join(await freshFolder(), "state");
  for (const text of ["1", "2", "3"]) await writeDurably(path, text, `${path}.bak`);
  expect([await readFile(path, "utf8"), await readFile(`${path}.bak`, "utf8")]).toEqual(["3", "2"]);
});

test("a file system without hard links keeps both generations, too", async () => {
  const folder = mountWithoutLinks();
  const path = join(folder, "state");
  for (const text of ["1", "2", "3"]) await writeDurably(path, text, `${path}.bak`);
  expect([await readFile(path, "utf8"), await readFile(`${path}.bak`, "utf8")]).toEqual(["3", "2"]);
  expect((await readdir(folder)).sort()).toEqual(["state", "state.bak"]);
});

test.runIf(isRoot)("a full disk is told with the file and a cure, and nothing is left of the attempt", async () => {
  const folder = await smallDisk(16_384);
  const path = join(folder, "agent.pid");
  await writeDurably(path, "before");
  await expect(writeDurably(path, "x".repeat(100_000))).rejects.toMatchObject({
    code: "FUSTOR_HOME_UNUSABLE",
    message: expect.stringMatching(/agent\.pid cannot be written: no space or no inode is left .* make room .*ENOSPC/),
  });
  expect(await readdir(folder)).toEqual(["agent.pid"]);
  expect(await readFile(path, "utf8")).toBe("before");
});

test.runIf(isRoot)("a journal that a full disk does not take leaves no temporary files", async () => {
  const folder = await smallDisk(65_536);
  let now = 0;
  const journal = new DeletedJournal({
    path: join(folder, "deleted", "p.journal"),
    receiver: "http://there",
    logger: silentLogger,
    now: () => now,
  });
  await journal.load();
  for (let round = 0; round < 5; round++) {
    journal.note(Array.from({ length: 2000 }, (_, at) => `/a/longer/name/of/round/${round}/${at}`));
    now += 60_000;
  }
  await journal.close();
  expect((await readdir(join(folder, "deleted"))).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("temporary names cannot be guessed, and links that wait in the place of a file are not followed", async () => {
  const folder = await freshFolder();
  const victim = join(folder, "victim");
  await writeFile(victim, "untouched");
  expect(temporaryOf(victim)).not.toBe(temporaryOf(victim));
  for (let pid = process.pid - 2; pid <= process.pid + 2; pid++) await symlink(victim, join(folder, `.f.${pid}.tmp`));
  await symlink(victim, join(folder, "f"));
  await writeDurably(join(folder, "f"), "ours");
  expect((await lstat(join(folder, "f"))).isFile()).toBe(true);
  await symlink(victim, join(folder, "letters.jsonl"));
  const letters = new DeadLetterFile({
    path: join(folder, "letters.jsonl"),
    logger: silentLogger,
    wallClock: () => 0,
  });
  letters.add({ key: "/x", phase: "snapshot", reason: "no" });
  await letters.close();
  await symlink(victim, join(folder, "read"));
  await expect(readOwnFile(join(folder, "read"))).rejects.toMatchObject({ code: "ELOOP" });
  expect(await readFile(victim, "utf8")).toBe("untouched");
});

test("a journal that is a link is set aside, and its target stays as it is", async () => {
  const folder = await freshFolder();
  const victim = join(folder, "victim");
  const path = join(folder, "p.journal");
  await writeFile(victim, "untouched");
  await symlink(victim, path);
  const journal = new DeletedJournal({ path, receiver: "http://there", logger: silentLogger, now: () => 0 });
  expect(await journal.load()).toBeUndefined();
  journal.note(["/gone"]);
  await journal.close();
  expect(await readFile(victim, "utf8")).toBe("untouched");
  expect((await lstat(path)).isFile()).toBe(true);
});

test("the sweep takes what writes that were cut off left, and nothing else", async () => {
  const folder = await freshFolder();
  await mkdir(join(folder, ".d.0123456789abcdef.tmp"));
  const left = temporaryOf(join(folder, "agent.pid"));
  await writeFile(left, "half");
  await utimes(left, 0, 0);
  for (const name of ["agent.pid", ".agent-config.yaml.tmp", "notes.tmp", ".env"])
    await writeFile(join(folder, name), "");
  await symlink("/etc/passwd", join(folder, ".l.0123456789abcdef.tmp"));
  await sweepTemporaries([folder, join(folder, "missing")]);
  const names = [".agent-config.yaml.tmp", ".d.0123456789abcdef.tmp", ".env", ".l.0123456789abcdef.tmp"];
  expect((await readdir(folder)).sort()).toEqual([...names, "agent.pid", "notes.tmp"]);
});

test.runIf(isRoot)("what another user owns is told with whose it is and what to do", async () => {
  const folder = await freshFolder();
  await writeFile(join(folder, "agent.pid"), "", { mode: 0o600 });
  expect((await stat(folder)).mode & 0o777).toBe(0o700);
  const root = join(import.meta.dirname, "../../../..");
  const script = `
    const { fileTrouble } = await import(${JSON.stringify(join(root, "src/config/file-trouble.ts"))});
    const { openSync } = await import("node:fs");
    process.setgid(65534);
    process.setuid(12345);
    try { openSync(${JSON.stringify(join(folder, "agent.pid"))}, "r"); } catch (error) {
      console.log(fileTrouble(error, ${JSON.stringify(join(folder, "agent.pid"))}, "opened").message);
    }`;
  const said = execFileSync(
    process.execPath,
    ["--import", join(root, "scripts/load-ts.mjs"), "--input-type=module", "-e", script],
    {
      encoding: "utf8",
      cwd: "/",
    },
  );
  expect(said).toContain(`${folder} belongs to root (uid 0), mode 0700, and this is uid 12345`);
  expect(said).toContain("chown -R 12345");
  expect(said).toContain("FUSTOR_HOME");
  await rm(folder, { recursive: true });
});
