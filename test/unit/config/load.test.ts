// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ensureHome, homePaths, resolveConfigDir, resolveHome } from "../../../src/config/home.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { type FustorError, isFustorError } from "../../../src/sdk/errors.ts";
import { formatProblem } from "../../../src/yaml/problem.ts";
import { dictForm } from "./reading.ts";

let root: string;
let home: string;
let cwd: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "fustor-config-")));
  home = join(root, "home");
  cwd = join(root, "cwd");
  await mkdir(home);
  await mkdir(cwd);
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function write(path: string, text: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
  return path;
}

const load = (env: Record<string, string> = {}) => loadConfig({ env: { FUSTOR_HOME: home, ...env }, cwd });

async function refusal(env: Record<string, string> = {}): Promise<FustorError> {
  const error: unknown = await load(env).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isFustorError(error)) throw new Error(`no FustorError: ${error}`);
  return error;
}

describe("files", () => {
  test("agent-config.yaml comes first, then the folder's files in name order, .yml included", async () => {
    await write(join(home, "agent-config/b.yml"), "logging: info\n");
    await write(join(home, "agent-config/a.yaml"), "logging: info\n");
    await write(join(home, "agent-config/notes.txt"), "[");
    await write(join(home, "agent-config/.#a.yaml"), "[");
    await write(join(home, "agent-config.yaml"), dictForm());
    const { files } = await load();
    expect(files.map((file) => file.slice(home.length + 1))).toEqual([
      "agent-config.yaml",
      "agent-config/a.yaml",
      "agent-config/b.yml",
    ]);
  });

  test("a home without any is told to run init, and stays untouched", async () => {
    await mkdir(join(home, "agent-config"));
    const error = await refusal();
    expect(error.code).toBe("FUSTOR_CONFIG_MISSING");
    expect(error.message).toContain("run `fustor-agent init`");
    expect(await readdir(home)).toEqual(["agent-config"]);
    await rm(home, { recursive: true });
    expect((await refusal()).code).toBe("FUSTOR_CONFIG_MISSING");
  });

  test("the error holds every problem, one per line, and the same as details", async () => {
    const file = await write(
      join(home, "agent-config.yaml"),
      "x: 1\ny: 2\npipes: {p: {source: a, sender: b, batch_size: 1.5}}\n",
    );
    const error = await refusal();
    const { problems, warnings } = error.details as {
      problems: Parameters<typeof formatProblem>[0][];
      warnings: unknown[];
    };
    expect(error.code).toBe("FUSTOR_CONFIG_INVALID");
    expect(error.message).toBe(problems.map(formatProblem).join("\n"));
    expect(error.message.split("\n")[0]).toContain(`${file}:1:1 x: is not a known key, `);
    expect(problems.map(({ key }) => key)).toEqual(["x", "y", "pipes.p.batch_size"]);
    expect(warnings).toEqual([]);
  });

  test("files that cannot be read are problems, not crashes", async () => {
    await write(join(home, "agent-config/a.yaml"), Buffer.from([0x61, 0x3a, 0x0a, 0x62, 0xff]));
    await mkdir(join(home, "agent-config/b.yaml"));
    await symlink("/nowhere", join(home, "agent-config/c.yaml"));
    execFileSync("mkfifo", [join(home, "agent-config/d.yaml")]);
    await write(join(home, "agent-config/e.yaml"), " ".repeat(4 * 1024 * 1024 + 1));
    const folder = join(home, "agent-config");
    expect((await refusal()).message.split("\n").map((line) => line.slice(folder.length + 1))).toEqual([
      "a.yaml:2:2: is not UTF-8 text, save the file as UTF-8",
      "b.yaml:1:1: is no regular file, make it a text file you can read",
      "c.yaml:1:1: does not exist, make it a text file you can read",
      "d.yaml:1:1: is no regular file, make it a text file you can read",
      "e.yaml:1:1: is larger than 4194304 bytes, make it a text file you can read",
    ]);
  });

  test("a file in the place of the folder is refused", async () => {
    await write(join(home, "agent-config"), "");
    expect((await refusal()).message).toContain("cannot be listed (ENOTDIR)");
  });

  test("whatever a file holds, loading ends with a configuration or a FustorError", async () => {
    const file = join(home, "agent-config.yaml");
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array(),
          fc.string().map((text) => Buffer.from(`sources:\n  ${text}`)),
        ),
        async (bytes) => {
          await writeFile(file, bytes);
          await load().catch((error: unknown) => expect(isFustorError(error)).toBe(true));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("secrets", () => {
  test("come from files, with a warning when others may read them", async () => {
    const key = await write(join(root, "key"), "abcdef\n");
    const source = [`uri: ${root}`];
    await write(join(home, "agent-config.yaml"), dictForm({ source, sender: [`credential: "\${file:${key}}"`] }));
    await chmod(key, 0o600);
    const quiet = await load();
    expect(quiet.senders.get("snd-1")?.credential).toEqual({ kind: "key", key: "abcdef" });
    expect(quiet.warnings).toEqual([]);
    await chmod(key, 0o644);
    expect((await load()).warnings.map(formatProblem)).toEqual([expect.stringContaining(`chmod 600 ${key}`)]);
  });

  test("a secret file that is a folder or missing is told by name", async () => {
    await write(join(home, "agent-config.yaml"), dictForm({ sender: [`credential: "\${file:${root}}"`] }));
    expect((await refusal()).message).toContain(`the file ${root} is no regular file`);
  });

  test("come from .env of the home alone; what is set already wins", async () => {
    await write(join(home, "agent-config.yaml"), dictForm({ sender: ['credential: "${env:A}-${env:B}"'] }));
    await write(join(home, ".env"), "A=home\nexport B='home' # remark\nFUSTOR_HOME=/nowhere\n");
    const env = { A: "own" };
    expect((await load(env)).senders.get("snd-1")?.credential).toEqual({ kind: "key", key: "own-home" });
    expect(env).toEqual({ A: "own" });
    expect(process.env.B).not.toBe("home");
  });

  test("nothing in the working directory has a say: neither the place of the configuration nor a secret", async () => {
    await write(join(root, "strange/agent-config.yaml"), dictForm());
    await write(join(cwd, ".env"), `FUSTOR_CONFIG_DIR=${join(root, "strange")}\nC=cwd\n`);
    await write(join(home, "agent-config.yaml"), dictForm({ sender: ['credential: "${env:C}"'] }));
    expect((await refusal()).message).toContain("the environment variable C is not set");
    await write(join(home, "agent-config.yaml"), dictForm());
    expect((await load()).configDir).toBe(home);
  });

  test("a folder named .env is left alone", async () => {
    await mkdir(join(home, ".env"));
    await write(join(home, "agent-config.yaml"), dictForm({ source: [`uri: ${root}`] }));
    expect((await load()).warnings).toEqual([]);
  });
});

describe("roots", () => {
  const withRoot = (uri: string, more: readonly string[] = []): Promise<string> =>
    write(join(home, "agent-config.yaml"), dictForm({ source: [`uri: ${uri}`, ...more] }));

  test("one that is missing is remarked, because a mount may come later", async () => {
    await withRoot(join(root, "later"));
    expect((await load()).warnings.map(formatProblem)).toEqual([
      expect.stringMatching(/agent-config\.yaml:2:3 sources\.src-1\.uri: .*later does not exist, its pipes wait/),
    ]);
    await mkdir(join(root, "later"));
    expect((await load()).warnings).toEqual([]);
  });

  test("one that is a file is refused, and so is what a symbolic link to a file leads to", async () => {
    await write(join(root, "file"), "");
    await symlink(join(root, "file"), join(root, "to-file"));
    for (const name of ["file", "to-file"]) {
      await withRoot(join(root, name));
      expect((await refusal()).message).toContain(`${join(root, name)} is no directory`);
    }
  });

  test("one of a source that is switched off is not looked at", async () => {
    await withRoot(join(root, "nowhere"), ["disabled: true"]);
    const said = (await load()).warnings.map(formatProblem).join();
    expect(said).not.toContain("does not exist");
  });
});

describe("places", () => {
  test("FUSTOR_CONFIG_DIR moves configuration and logs, and may come from .env of the home", async () => {
    const configDir = join(root, "etc");
    await write(join(configDir, "agent-config.yaml"), dictForm());
    await write(join(home, ".env"), `FUSTOR_CONFIG_DIR=${configDir}\n`);
    expect(await load()).toMatchObject({ home, configDir, logging: { level: "info", dir: configDir } });
  });

  test("the home is FUSTOR_HOME with ~ and links resolved, else ~/.fustor", async () => {
    await symlink(home, join(root, "link"));
    expect(resolveHome({ FUSTOR_HOME: join(root, "link") })).toBe(home);
    expect(resolveHome({ FUSTOR_HOME: join(root, "link/not/yet") })).toBe(join(home, "not/yet"));
    expect(resolveHome({ FUSTOR_HOME: "~/x", HOME: root })).toBe(join(root, "x"));
    expect(resolveHome({ FUSTOR_HOME: "home" }, root)).toBe(home);
    expect(resolveHome({ FUSTOR_HOME: "", HOME: root })).toBe(join(root, ".fustor"));
    expect(resolveHome({ HOME: root })).toBe(join(root, ".fustor"));
    expect(resolveConfigDir({}, home)).toBe(home);
    expect(() => resolveHome({ FUSTOR_HOME: "~other/x" })).toThrow("FUSTOR_HOME: names another user's home");
  });

  test("a new home is for its owner only, an existing one keeps its rights", async () => {
    const fresh = join(root, "a/b/home");
    await ensureHome(fresh);
    expect((await stat(fresh)).mode & 0o777).toBe(0o700);
    await chmod(fresh, 0o750);
    await ensureHome(fresh);
    expect((await stat(fresh)).mode & 0o777).toBe(0o750);
    await write(join(root, "file"), "");
    await expect(ensureHome(join(root, "file"))).rejects.toThrow("the home cannot be created");
  });

  test("state stays in the home when configuration and logs move", () => {
    const paths = homePaths("/h", "/c");
    expect(paths).toMatchObject({ pidFile: "/h/agent.pid", socket: "/h/agent.sock", stateDir: "/h/state" });
    expect(paths).toMatchObject({ configFile: "/c/agent-config.yaml", logFile: "/c/fustor_agent.log" });
    expect(homePaths("/h", "/c", "/l").logFile).toBe("/l/fustor_agent.log");
  });
});

test("loading writes nothing", async () => {
  const file = await write(join(home, "agent-config.yaml"), dictForm());
  await load();
  expect(await readdir(home)).toEqual(["agent-config.yaml"]);
  expect(await readFile(file, "utf8")).toBe(dictForm());
});
