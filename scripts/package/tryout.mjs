// What a new user does with the tarball, on one machine: install it into an empty folder without registry and scripts, look at a directory, start
// the agent against a Fusion, see a change arrive, stop it.
import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chownSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readManifest } from "./platforms.mjs";
import { PackageError } from "./run.mjs";

/** qemu takes its time, and so does a loaded machine. */
const COMMAND_MS = 240_000;
const WAIT_MS = 120_000;

/** The same folders for host and machine. */
export class Tryout {
  #machine;
  #tools;
  #background = [];

  constructor(machine, tools) {
    this.#machine = machine;
    this.#tools = tools;
    for (const name of ["app", "home", "data"]) this.#folder(name);
  }

  async run() {
    try {
      this.#install();
      this.#look();
      await this.#watch();
    } finally {
      for (const child of this.#background) child.kill("SIGKILL");
    }
  }

  #folder(name) {
    const path = join(this.#machine.folder, name);
    mkdirSync(path, { mode: 0o700, recursive: true });
    this.#give(path);
    return path;
  }

  #give(path) {
    if (this.#machine.uid !== undefined) chownSync(path, this.#machine.uid, this.#machine.uid);
  }

  #write(name, text) {
    const path = join(this.#machine.folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    this.#give(path);
  }

  #options() {
    const { inside, uid, folder, prefix } = this.#machine;
    const env = {
      PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      HOME: join(inside, "home"),
      FUSTOR_HOME: join(inside, "home", ".fustor"),
      FUSTOR_CONSOLE_PORT: "0",
    };
    return { env, cwd: prefix.length > 0 ? "/" : folder, ...(uid === undefined ? {} : { uid, gid: uid }) };
  }

  /** Without a compiler, without install scripts, without a registry, with an empty cache. */
  #install() {
    const { folder, prefix, node, name } = this.#machine;
    for (const tarball of this.#tools.tarballs) {
      cpSync(tarball, join(folder, basename(tarball)));
      this.#give(join(folder, basename(tarball)));
    }
    const named = this.#tools.tarballs.map((tarball) => join(folder, basename(tarball)));
    const options = [
      "--offline",
      "--ignore-scripts",
      "--cache",
      join(folder, "home", "empty-cache"),
      "--prefix",
      join(folder, "app"),
    ];
    // A root folder of another C library or processor holds no npm: that of the host installs into it.
    const runner = prefix.length > 0 ? process.execPath : node;
    const result = spawnSync(runner, [this.#tools.npm, "install", ...options, ...named], {
      ...this.#options(),
      cwd: join(folder, "app"),
      encoding: "utf8",
      timeout: COMMAND_MS,
    });
    if (result.status !== 0) throw new PackageError(`${name}: npm install: ${result.stdout}${result.stderr}`);
    const complaints = result.stderr.split("\n").filter((line) => line.startsWith("npm warn"));
    if (complaints.length > 0) throw new PackageError(`${name}: npm install warns:\n${complaints.join("\n")}`);
  }

  #command(args) {
    const { prefix, node, inside } = this.#machine;
    return [...prefix, node, join(inside, "app", "node_modules", "fustor-agent", "dist", "cli", "main.js"), ...args];
  }

  #agent(...args) {
    const [program, ...rest] = this.#command(args);
    const result = spawnSync(program, rest, { ...this.#options(), encoding: "utf8", timeout: COMMAND_MS });
    return { code: result.status, said: `${result.stdout}${result.stderr}${result.error?.message ?? ""}` };
  }

  #mustAgent(...args) {
    const { code, said } = this.#agent(...args);
    if (code !== 0)
      throw new PackageError(`${this.#machine.name}: fustor-agent ${args.join(" ")} ended with ${code}:\n${said}`);
    return said;
  }

  #expect(truth, what) {
    if (!truth) throw new PackageError(`${this.#machine.name}: ${what}`);
  }

  #look() {
    const { version } = readManifest();
    const said = this.#mustAgent("--version").trim();
    this.#expect(said === version, `--version says ${said}, not ${version}`);
    for (let i = 0; i < 20; i++) this.#write(`data/file-${i}`, "x".repeat(i));
    const summary = JSON.parse(this.#mustAgent("scan", "--summary", join(this.#machine.inside, "data")));
    this.#expect(summary.rows === 21 && summary.complete, `scan saw ${JSON.stringify(summary)}`);
  }

  async #watch() {
    const [viewPort, receiverPort] = [await freePort(), await freePort()];
    const keys = { push: `push-${randomUUID()}`, read: `read-${randomUUID()}` };
    this.#folder("home/.fustor");
    this.#folder("home/.fustor/fusion-config");
    this.#write("home/.fustor/fusion-config/default.yaml", fusionConfig(viewPort, receiverPort, keys));
    this.#write("home/.fustor/agent-config.yaml", agentConfig(join(this.#machine.inside, "data"), receiverPort, keys));
    const fusion = this.#startFusion();
    const view = () => names(viewPort, keys.read);
    await this.#until(
      async () => (await view()) !== undefined,
      () => `Fusion does not answer:\n${fusion()}`,
    );
    this.#mustAgent("validate");
    this.#mustAgent("start", "-D");
    try {
      await this.#until(
        async () => this.#sameAs(await view()),
        async () => `the view is not the directory: ${await view()}`,
      );
      this.#write("data/new", "new");
      rmSync(join(this.#machine.folder, "data", "file-3"));
      await this.#until(
        async () => this.#sameAs(await view()),
        async () => `the changes did not arrive: ${await view()}`,
      );
      this.#mustAgent("status");
    } finally {
      this.#mustAgent("stop");
    }
    this.#expect(this.#agent("status").code === 3, "the agent was stopped and still runs");
  }

  #startFusion() {
    const [program, ...rest] = this.#command(["fusion"]);
    const child = spawn(program, rest, { ...this.#options(), stdio: ["ignore", "pipe", "pipe"] });
    this.#background.push(child);
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
    return () => said;
  }

  #sameAs(seen) {
    return seen === readdirSync(join(this.#machine.folder, "data")).sort().join(" ");
  }

  async #until(condition, what) {
    const end = performance.now() + WAIT_MS;
    while (!(await condition())) {
      if (performance.now() > end) throw new PackageError(`${this.#machine.name}: ${await what()}`);
      await sleep(200);
    }
  }
}

/** The names in the view, sorted; undefined as long as nobody answers. */
async function names(port, key) {
  try {
    const url = `http://127.0.0.1:${port}/api/v1/views/files/tree?path=/&recursive=true`;
    const answer = await fetch(url, { headers: { "X-API-Key": key }, signal: AbortSignal.timeout(5000) });
    const text = await answer.text();
    // Before the first snapshot it says so.
    if (answer.status !== 200) return `(${answer.status})`;
    return (JSON.parse(text).children ?? [])
      .map(({ name }) => name)
      .sort()
      .join(" ");
  } catch {
    return undefined;
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const fusionConfig = (viewPort, receiverPort, { push, read }) => `host: 127.0.0.1
port: ${viewPort}
receivers:
  in: {driver: http, bind_host: 127.0.0.1, port: ${receiverPort}, api_keys: [{key: ${push}, pipe_id: files}]}
views:
  files: {driver: fs, api_keys: [${read}]}
pipes:
  files: {receiver: in, views: [files]}
`;

const agentConfig = (root, receiverPort, { push }) => `sources:
  - {id: files, type: fs, config: {uri: ${root}}}
senders:
  - {id: fusion, type: fusion, config: {endpoint: "http://127.0.0.1:${receiverPort}", credential: ${push}}}
pipes:
  - {id: files, source_id: files, sender_id: fusion, enabled: true}
`;
