/** A checkout is built when somebody asks for it and never otherwise, and not under the feet of what runs from it. */
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../support/wait-for.ts";
import { folder } from "./cli-process.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const BUILD_MS = 240_000;
/** A build, of dist alone, takes longer than this on any machine that this project knows; npx alone, far less. */
const NPX_MS = 60_000;

/** What a clone holds, and what `npm ci` would have made there. */
async function checkout({ isBuilt }: { readonly isBuilt: boolean }): Promise<string> {
  const copy = await folder();
  for (const name of ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(ROOT, name), join(copy, name));
  for (const name of ["scripts", "src", "packages"]) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  if (!isBuilt) return copy;
  mkdirSync(join(copy, "build"));
  cpSync(join(ROOT, "build/Release"), join(copy, "build/Release"), { recursive: true });
  cpSync(join(ROOT, "dist"), join(copy, "dist"), { recursive: true });
  // No build would leave it there.
  writeFileSync(join(copy, "dist/not-of-a-build"), "");
  return copy;
}

interface Said {
  readonly code: number;
  readonly text: string;
}

/** Without a registry, and with a cache of its own. */
function inThere(cwd: string, command: string, args: readonly string[], timeout: number): Promise<Said> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|INIT_CWD$|FUSTOR_|NODE_OPTIONS$|VITEST)/.test(name),
  );
  const own = { npm_config_cache: join(cwd, "../cache-of", cwd.split("/").at(-1) ?? ""), npm_config_offline: "true" };
  const home = { FUSTOR_HOME: join(cwd, "home"), FUSTOR_CONSOLE_PORT: "0" };
  const env = { ...Object.fromEntries(kept), ...own, ...home };
  onTestFinished(() => rmSync(own.npm_config_cache, { recursive: true, force: true }));
  return new Promise((done) => {
    execFile(command, [...args], { cwd, env, timeout }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : typeof error.code === "number" ? error.code : -1, text: `${stdout}${stderr}` });
    });
  });
}

/** Every file of what a build makes, with what changes when it is written anew. */
function built(copy: string): readonly string[] {
  return ["build", "dist"]
    .filter((name) => existsSync(join(copy, name)))
    .flatMap((name) =>
      readdirSync(join(copy, name), { recursive: true, encoding: "utf8" }).map((path) => {
        const { ino, mtimeMs } = statSync(join(copy, name, path));
        return `${name}/${path} ${ino} ${mtimeMs}`;
      }),
    );
}

test("npx in a checkout runs what is built there, and builds nothing", async () => {
  const copy = await checkout({ isBuilt: true });
  const before = built(copy);
  for (let turn = 0; turn < 2; turn++) {
    const { code, text } = await inThere(copy, "npx", ["fustor-agent", "--version"], NPX_MS);
    expect({ code, text: text.trim() }).toEqual({ code: 0, text: expect.stringMatching(/^\d+\.\d+\.\d+$/) });
  }
  expect(built(copy)).toEqual(before);
});

test("npx in a checkout that is not built says at a terminal what to do, and builds nothing", async () => {
  const copy = await checkout({ isBuilt: false });
  const line = "npx fustor-agent --version < /dev/null";
  const { code, text } = await inThere(copy, "script", ["-qec", line, "/dev/null"], NPX_MS);
  expect(text).toContain(`${copy} is a checkout that is not built: run \`npm ci\` or \`npm run build\` there`);
  expect(code).not.toBe(0);
  expect(built(copy)).toEqual([]);
});

test(
  "an agent goes on while the checkout that it runs from is built anew",
  async () => {
    const copy = await checkout({ isBuilt: true });
    const agent = (...args: string[]): Promise<Said> =>
      inThere(copy, process.execPath, ["dist/cli/main.js", ...args], NPX_MS);
    const root = join(copy, "root");
    mkdirSync(root);
    mkdirSync(join(copy, "home"), { mode: 0o700 });
    const config = `sources: [{id: s, type: fs, config: {uri: ${JSON.stringify(root)}}}]
senders: [{id: e, type: echo, config: {}}]
pipes: [{id: p, source_id: s, sender_id: e, enabled: true}]
`;
    writeFileSync(join(copy, "home/agent-config.yaml"), config, { mode: 0o600 });
    onTestFinished(async () => void (await agent("stop")));
    expect((await agent("start", "-D")).code).toBe(0);
    type Status = {
      readonly pid: number;
      readonly pipes: readonly { readonly rowsSent: { readonly message: number } }[];
    };
    const status = async (): Promise<Status> => JSON.parse((await agent("status", "--json")).text) as Status;
    const seesChanges = async (): Promise<void> => {
      const before = (await status()).pipes[0]?.rowsSent.message ?? 0;
      await appendFile(join(root, "file"), "x");
      await waitFor(async () => ((await status()).pipes[0]?.rowsSent.message ?? 0) > before, {
        timeoutMs: 30_000,
        what: "a change is sent",
      });
    };
    await seesChanges();
    const { pid } = await status();
    await appendFile(join(copy, "src/sdk/lost-bytes.ts"), "\nexport const anotherBuild = true;\n");
    const { code, text } = await inThere(copy, process.execPath, ["scripts/build.mjs", "ts"], BUILD_MS);
    expect({ code, text }).toMatchObject({ code: 0 });
    expect(existsSync(join(copy, "dist/not-of-a-build"))).toBe(false);
    expect(readdirSync(join(copy, "build"))).toEqual(["Release"]);
    await seesChanges();
    expect((await status()).pid).toBe(pid);
    expect((await agent("stop")).text).toContain("Stopped");
  },
  BUILD_MS + 60_000,
);
