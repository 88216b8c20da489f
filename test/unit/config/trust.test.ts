// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { ensureHome } from "../../../src/config/home.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { distrustOf, isPrivateGroup } from "../../../src/config/trust.ts";
import { formatProblem } from "../../../src/yaml/problem.ts";
import { dictForm } from "./reading.ts";

const isRoot = process.getuid?.() === 0;
const STRANGER = 54_321;

let root: string;
let home: string;
let file: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "fustor-trust-")));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  home = join(root, "home");
  await mkdir(join(home, "agent-config"), { recursive: true });
  file = join(home, "agent-config.yaml");
  await writeFile(file, dictForm({ sender: ["credential: a-real-key-of-mine"] }));
  await writeFile(join(home, "agent-config/more.yaml"), "logging: info\n");
  await writeFile(join(home, ".env"), "A=1\n");
  for (const folder of [home, join(home, "agent-config")]) await chmod(folder, 0o755);
  for (const path of [file, join(home, "agent-config/more.yaml"), join(home, ".env")]) await chmod(path, 0o644);
});

const load = (env: Record<string, string> = {}) => loadConfig({ env: { FUSTOR_HOME: home, ...env }, cwd: root });

const refusal = (env?: Record<string, string>): Promise<string> =>
  load(env).then(
    () => "",
    (error: { code: string; message: string }) => `${error.code} ${error.message}`,
  );

describe("what others may write is refused", () => {
  test.each([["."], ["agent-config"], ["agent-config.yaml"], ["agent-config/more.yaml"], [".env"]])(
    "%s that every user may write, or a foreign group",
    async (name) => {
      const path = join(home, name);
      expect(await refusal()).toBe("");
      await chmod(path, 0o777);
      expect(await refusal()).toMatch(
        /^FUSTOR_CONFIG_INVALID .* can be written by every user \(mode 0777\), run: chmod go-w /,
      );
      expect(await refusal()).toContain(path);
      await chmod(path, 0o1777);
      expect(await refusal()).toContain("can be written by every user (mode 1777)");
      if (!isRoot) return;
      await chown(path, 0, STRANGER);
      await chmod(path, 0o775);
      expect(await refusal()).toContain(`can be written by the group ${STRANGER} (mode 0775), run: chmod g-w ${path}`);
      await chmod(path, 0o755);
      expect(await refusal()).toBe("");
    },
  );

  test.runIf(isRoot).each([["."], ["agent-config"], ["agent-config.yaml"], ["agent-config/more.yaml"], [".env"]])(
    "%s of another user",
    async (name) => {
      await chown(join(home, name), STRANGER, 0);
      expect(await refusal()).toMatch(/^FUSTOR_CONFIG_INVALID .* belongs to uid 54321 and not to root \(uid 0\)/);
    },
  );

  test("a configuration folder of its own", async () => {
    const folder = join(root, "etc");
    await mkdir(folder);
    await writeFile(join(folder, "agent-config.yaml"), dictForm());
    await chmod(folder, 0o757);
    expect(await refusal({ FUSTOR_CONFIG_DIR: folder })).toContain(`${folder}:1:1: can be written by every user`);
  });

  test("a home whose .env would choose another configuration has no say before it is trusted", async () => {
    await writeFile(join(home, ".env"), `FUSTOR_CONFIG_DIR=${root}/elsewhere\n`);
    await chmod(home, 0o777);
    expect(await refusal()).not.toContain("elsewhere");
  });

  test("a link into a folder that others may write", async () => {
    const shared = join(root, "shared");
    await mkdir(shared);
    await writeFile(join(shared, "real.yaml"), "logging: info\n");
    await chmod(shared, 0o777);
    await symlink(join(shared, "real.yaml"), join(home, "agent-config/link.yaml"));
    expect(await refusal()).toContain(`link.yaml:1:1: leads into ${shared}, which can be written by every user`);
  });

  test("a secret file", async () => {
    const key = join(root, "key");
    await writeFile(key, "abcdefgh");
    await chmod(key, 0o602);
    await writeFile(file, dictForm({ sender: [`credential: "\${file:${key}}"`] }));
    expect(await refusal()).toContain(`the file ${key} can be written by every user`);
  });

  test("a home, when it is about to be used", async () => {
    await chmod(home, 0o777);
    await expect(ensureHome(home)).rejects.toMatchObject({
      code: "FUSTOR_CONFIG_INVALID",
      message: expect.stringContaining(`${home} can be written by every user`),
    });
  });
});

describe("what is trusted", () => {
  test.runIf(isRoot)(
    "a folder that nobody can write because its file system is read-only, whatever its mode",
    async () => {
      const folder = join(root, "configmap");
      await mkdir(folder);
      await writeFile(join(folder, "agent-config.yaml"), dictForm());
      await chmod(folder, 0o777);
      execFileSync("mount", ["--bind", "-o", "ro", folder, folder]);
      onTestFinished(() => void execFileSync("umount", ["-l", folder]));
      expect(await refusal({ FUSTOR_CONFIG_DIR: folder })).toBe("");
    },
  );

  const accounts = {
    passwd: "root:x:0:0::/root:\nann:x:1000:1000::/home/ann:\nbob:x:1001:100::/home/bob:\ncy:x:1002:1005::/:\n",
    group: "root:x:0:\nann:x:1000:\nusers:x:100:\nlab:x:1005:ann\nshared:x:1006:ann,bob\nzed:x:1009:bob\n",
  };

  test.each([
    [1000, 1000, true, "the private group of ann"],
    [0, 1000, true, "root's group"],
    [100, 1001, false, "a group for everybody that lists nobody"],
    [1005, 1000, false, "the group of cy with ann as a guest"],
    [1006, 1000, false, "a group of two"],
    [1009, 1009, false, "a group with the user's number and another member"],
    [4711, 4711, true, "a private group that a directory service knows"],
    [4711, 1000, false, "a group that nobody knows"],
  ])("group %i of user %i: %s, %s", (gid, uid, expected) => {
    expect(isPrivateGroup(gid, uid, accounts)).toBe(expected);
  });

  test("what root owns is, and what another user owns is not", () => {
    const rights = { gid: 1000, mode: 0o644 };
    expect(distrustOf({ ...rights, uid: 0 }, 1000)).toBeUndefined();
    expect(distrustOf({ ...rights, uid: 1000 }, 1000)).toBeUndefined();
    expect(distrustOf({ ...rights, uid: 1000 }, 0)).toMatchObject({ what: expect.stringContaining("belongs to") });
    expect(distrustOf({ uid: 1000, gid: 1000, mode: 0o664 }, 1000, () => accounts)).toBeUndefined();
  });
});

describe("what others may read or exchange is remarked", () => {
  const warnings = async (): Promise<readonly string[]> =>
    (await load()).warnings.map(formatProblem).filter((line) => !line.includes("/some/tree"));

  test("a key in a file and a .env, when every user can get at them", async () => {
    expect(await warnings()).toEqual([]);
    await chmod(dirname(home), 0o755);
    expect(await warnings()).toEqual([
      expect.stringContaining(".env:1:1: can be read by every user of this machine, run: chmod 600"),
      expect.stringMatching(
        /agent-config\.yaml:\d+:\d+ .*credential: stands in a file that every user of this machine can read, run: chmod 600/,
      ),
    ]);
    for (const name of [".env", "agent-config.yaml"]) await chmod(join(home, name), 0o640);
    expect(await warnings()).toEqual([]);
  });

  test("a folder above the home that others may write, unless it is sticky", async () => {
    await chmod(root, 0o777);
    for (const name of [".env", "agent-config.yaml"]) await chmod(join(home, name), 0o600);
    expect(await warnings()).toEqual([
      expect.stringMatching(/every user \(mode 0777\): whoever may do so can put another/),
    ]);
    await chmod(root, 0o1777);
    expect(await warnings()).toEqual([]);
  });
});
