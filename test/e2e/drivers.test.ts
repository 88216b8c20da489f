/** The story of an author and of a user: from an empty folder to rows at Fusion, with the packed agent and real npm. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { startEmbeddedFusion } from "../../src/fusion/embedded-fusion.ts";
import { demoFusionConfig } from "../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../src/sdk/index.ts";
import { sourceCode, writePackage } from "../support/driver-package.ts";
import { PATIENCE } from "../support/patience.ts";
import { agentHome, cli, eventually, folder, run } from "./cli-process.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const exec = promisify(execFile);

/** Nothing is asked of a registry, and nothing of the runner's own npm settings is seen. */
async function npm(cwd: string, ...args: readonly string[]): Promise<string> {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV$)/i.test(name));
  const rules = ["--offline", "--no-audit", "--no-fund", "--loglevel=error"];
  const env = { ...Object.fromEntries(own), NO_COLOR: "1" };
  const { stdout } = await exec("npm", [...args, ...rules], {
    cwd,
    env,
    timeout: 110_000 * PATIENCE,
    maxBuffer: 16 << 20,
  }).catch((error: { readonly stdout?: string; readonly stderr?: string }) => {
    throw new Error(`npm ${args.join(" ")} failed:\n${error.stdout ?? ""}\n${error.stderr ?? String(error)}`);
  });
  return stdout;
}

async function fusion() {
  const keys = { pushKey: "push-key", readKey: "read-key", pipe: "p", view: "unified" };
  const config = demoFusionConfig({ ...keys, viewPort: 0, receiverPort: 0 });
  const server = await startEmbeddedFusion({ config, logger: silentLogger });
  onTestFinished(() => server.stop());
  return server;
}

/** Paths that the view shows. */
async function pathsIn(url: string): Promise<readonly string[]> {
  const answer = await fetch(`${url}/api/v1/views/unified/tree?path=/&recursive=true`, {
    headers: { "X-API-Key": "read-key" },
  });
  const paths: string[] = [];
  JSON.stringify(await answer.json(), (key, value: unknown) => {
    if (key === "path" && typeof value === "string") paths.push(value);
    return value;
  });
  return paths.sort();
}

test("a driver is begun, tested, packed, added, named in a configuration, and its rows are at Fusion", async () => {
  const [work, home] = [await folder(), await agentHome()];
  const demo = join(work, "demo");
  expect(await run(["drivers", "new", "source", "demo"], { cwd: work, home })).toMatchObject({ code: 0, stderr: "" });
  const agent = (await npm(ROOT, "pack", "--ignore-scripts", "--silent", `--pack-destination=${work}`)).trim();
  // Both would come from a registry.
  const manifest = JSON.parse(readFileSync(join(demo, "package.json"), "utf8"));
  manifest.devDependencies = { "fustor-agent": `file:${join(work, agent)}` };
  writeFileSync(join(demo, "package.json"), JSON.stringify(manifest));
  await npm(demo, "install", "--omit=optional", "--ignore-scripts");
  symlinkSync(join(ROOT, "node_modules/vitest"), join(demo, "node_modules/vitest"));
  mkdirSync(join(demo, "node_modules/.bin"), { recursive: true });
  symlinkSync("../vitest/vitest.mjs", join(demo, "node_modules/.bin/vitest"));
  expect(await npm(demo, "test")).toContain("15 passed");
  expect(await npm(demo, "pack", "--silent")).toContain("demo-1.0.0.tgz");

  const added = await run(["drivers", "add", "./demo-1.0.0.tgz"], { cwd: demo, home });
  expect(added).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("driver: demo") });
  const { viewUrl: url, receiverUrls } = await fusion();
  const [receiverUrl] = receiverUrls.values();
  const file = join(work, "entries.json");
  writeFileSync(file, `{"/first": "1"}`);
  const config = {
    sources: { s: { driver: "demo", uri: file, driver_params: { interval_sec: 0.05 } } },
    senders: { f: { driver: "fusion", uri: receiverUrl, credential: { key: "push-key" } } },
    pipes: { p: { source: "s", sender: "f" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config));
  expect(await run(["start", "-D"], { home })).toMatchObject({ code: 0 });
  await eventually("the snapshot", async () => (await pathsIn(url)).includes("/first"));
  writeFileSync(file, `{"/first": "1", "/second": "2"}`);
  await eventually("a new entry", async () => (await pathsIn(url)).includes("/second"));
  writeFileSync(file, `{"/second": "2"}`);
  await eventually("a deleted entry", async () => !(await pathsIn(url)).includes("/first"));

  expect(await run(["drivers", "remove", "demo"], { home })).toMatchObject({ code: 0 });
  const refused = await run(["validate"], { home });
  expect(refused).toMatchObject({ code: 78, stderr: expect.stringContaining('there is no source driver "demo"') });
});

test("drivers that cannot be used are listed with the reason, and adding one fails", async () => {
  const [work, home] = [await folder(), await agentHome()];
  const broken = writePackage(work, { name: "fustor-source-broken", code: sourceCode("broken", "create: undefined,") });
  const added = await run(["drivers", "add", broken], { home });
  expect(added).toMatchObject({ code: 1, stderr: expect.stringContaining(`"create" is missing`) });
  const listed = JSON.parse((await run(["drivers", "list", "--json"], { home })).stdout) as {
    name: string;
    state: string;
    package?: string;
  }[];
  // A checkout holds our own packages of drivers as well.
  const others = listed.filter(({ package: from = "" }) => !from.startsWith("@fustor/"));
  expect(others.map(({ name, state }) => `${name}: ${state}`)).toEqual([
    "fs: built in",
    "fusion: built in",
    "echo: built in",
    "broken: broken",
  ]);
  const plain = writePackage(work, { name: "plain", code: "" });
  expect(await run(["drivers", "add", plain], { home })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("holds no drivers"),
  });
  const missing = await run(["drivers", "add", "./nothing-here.tgz"], { home, cwd: work });
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("nothing-here.tgz does not exist") });
  expect(await run(["drivers", "remove", "nobody"], { home })).toMatchObject({ code: 1 });
});

test("an edited folder or tarball of the same version replaces what was added, and no script of it runs", async () => {
  const [work, home] = [await folder(), await agentHome()];
  const manifest = { scripts: { prepare: "touch ran", prepack: "touch ran", install: "touch ran" } };
  const write = (driver: string): string =>
    writePackage(work, {
      name: "plenty",
      manifest: { ...manifest, fustor: { drivers: "./index.js" } },
      code: sourceCode(driver),
    });
  const add = async (what: string, driver: string): Promise<void> => {
    const added = await run(["drivers", "add", what], { home, cwd: work });
    expect(added).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining(`driver ${driver} (plenty 1.2.3)`),
    });
  };
  const package_ = write("one");
  await add("./plenty", "one");
  write("two");
  await add("./plenty", "two");
  await add("./plenty", "two");
  write("three");
  await npm(package_, "pack", "--ignore-scripts", "--script-shell=/bin/true", "--silent", `--pack-destination=${work}`);
  await add("plenty-1.2.3.tgz", "three");
  expect(readdirSync(join(home, "drivers/packages"))).toEqual([
    expect.stringMatching(/^plenty-1\.2\.3-[0-9a-f]{12}\.tgz$/),
  ]);
  const installed = join(home, "drivers/node_modules/plenty");
  expect([existsSync(join(package_, "ran")), existsSync(join(installed, "ran"))]).toEqual([false, false]);
  expect(await run(["drivers", "remove", "three"], { home })).toMatchObject({ code: 0 });
  expect(readdirSync(join(home, "drivers/packages"))).toEqual([]);
});

test("a bare name is that of a package in the registry, and a folder of that name is pointed out", async () => {
  const [work, home] = [await folder(), await agentHome()];
  writePackage(work, { name: "plenty", code: sourceCode("one") });
  // No registry is asked.
  const env = { npm_config_offline: "true", npm_config_cache: join(work, "cache") };
  const added = await run(["drivers", "add", "plenty"], { home, cwd: work, env });
  expect(added).toMatchObject({ code: 1, stderr: expect.stringContaining("to add it, write ./plenty") });
});

test("an error that a driver leaves to nobody is logged with its name, and the agent goes on", async () => {
  const [home, root] = [await agentHome(), await folder()];
  const faulty = `open: async () => {
    setTimeout(() => { throw new Error("in a timer"); }, 50);
    void Promise.reject(new Error("in a promise"));
    void Promise.reject("a bare text");
  },`;
  writePackage(join(home, "drivers/node_modules"), {
    name: "fustor-source-faulty",
    code: sourceCode("faulty", "", faulty),
  });
  const config = {
    sources: { s: { driver: "fs", uri: root }, bad: { driver: "faulty", uri: "x" } },
    senders: { e: { driver: "echo" } },
    pipes: { good: { source: "s", sender: "e" }, bad: { source: "bad", sender: "e" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config));
  const agent = cli(["start"], { home });
  const log = (): string => readFileSync(join(home, "fustor_agent.log"), "utf8");
  for (const what of ["in a timer", "in a promise", "a bare text"]) {
    await eventually(`the error ${what}`, async () => log().includes(what));
  }
  expect(log()).toContain("the source driver faulty (fustor-source-faulty 1.2.3) left an error to nobody");
  await eventually("the other pipe goes on", async () => {
    // Again and again: one that is written before the pipe has begun comes with its snapshot.
    writeFileSync(join(root, "new"), String(performance.now()));
    const { pipes } = JSON.parse((await run(["status", "--json"], { home })).stdout) as {
      pipes: { id: string; rowsSent: { message: number } }[];
    };
    return (pipes.find(({ id }) => id === "good")?.rowsSent.message ?? 0) > 0;
  });
  expect(agent.child.exitCode).toBeNull();
});

test.each([
  [
    "ends the process",
    "process.exit(0);",
    /the package fustor-source-wild 1.2.3 ended the process with process.exit\(0\)/,
  ],
  [
    "rejects a promise",
    `void Promise.reject("at once");`,
    /wild 1.2.3 cannot be loaded from .*left an error to nobody.*at once/,
  ],
  ["changes the working directory", "process.chdir('/');", /wild 1.2.3 changed the working directory/],
])("a package that %s while it is loaded is named", async (_, code, text) => {
  const home = await agentHome();
  writePackage(join(home, "drivers/node_modules"), {
    name: "fustor-source-wild",
    code: `${code}${sourceCode("wild")}`,
  });
  const config = {
    sources: { s: { driver: "wild", uri: "x" } },
    senders: { e: { driver: "echo" } },
    pipes: { p: { source: "s", sender: "e" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config));
  const { code: status, stdout, stderr } = await run(["validate"], { home });
  expect(stdout + stderr).toMatch(text);
  expect(status).toBe(code.includes("chdir") ? 0 : code.includes("exit") ? 1 : 78);
});

test("a driver that ends the process of a running agent is named in the log", async () => {
  const home = await agentHome();
  const open = "open: async () => { setTimeout(() => process.exit(0), 50); },";
  writePackage(join(home, "drivers/node_modules"), { name: "fustor-source-exit", code: sourceCode("exit", "", open) });
  const config = {
    sources: { s: { driver: "exit", uri: "x" } },
    senders: { e: { driver: "echo" } },
    pipes: { p: { source: "s", sender: "e" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config));
  expect(await run(["start"], { home })).toMatchObject({ code: 1 });
  const log = readFileSync(join(home, "fustor_agent.log"), "utf8");
  expect(log).toContain("the source driver exit (fustor-source-exit 1.2.3) ended the process with process.exit");
});

test("a reload takes a driver that was added while the agent ran, and start takes its pipe", async () => {
  const [home, root] = [await agentHome(), await folder()];
  const configure = (sources: object, pipes: object): void => {
    const config = {
      sources: { s: { driver: "fs", uri: root }, ...sources },
      senders: { e: { driver: "echo" } },
      pipes,
    };
    writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config));
  };
  const good = { source: "s", sender: "e" };
  configure({}, { good });
  expect(await run(["start", "-D"], { home })).toMatchObject({ code: 0 });
  writePackage(join(home, "drivers/node_modules"), { name: "fustor-source-late", code: sourceCode("late") });
  writePackage(join(home, "drivers/node_modules"), { name: "fustor-source-later", code: sourceCode("later") });
  const late = { late: { driver: "late", uri: "x" } };
  configure(late, { good, late: { source: "late", sender: "e" } });
  expect(await run(["reload"], { home })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/unchanged {2}good\nstarted +late/),
  });
  const later = { later: { driver: "later", uri: "x" } };
  configure(
    { ...late, ...later },
    { good, late: { source: "late", sender: "e" }, two: { source: "later", sender: "e", enabled: false } },
  );
  expect(await run(["start", "two"], { home })).toMatchObject({
    code: 0,
    stdout: "Started two in the running agent.\n",
  });
  await eventually("all run", async () => {
    const { pipes } = JSON.parse((await run(["status", "--json"], { home })).stdout) as { pipes: { state: string }[] };
    return pipes.length === 3 && pipes.every(({ state }) => state === "running");
  });
});
