import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { appendFile, chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { cliPath } from "../support/cli-path.ts";
import { PATIENCE } from "../support/patience.ts";
import { agentHome, cli, eventually, folder, freePort, run } from "./cli-process.ts";

interface WireEvent {
  readonly event_type: string;
  readonly fields: readonly string[];
  readonly rows: readonly { readonly path: string; readonly size?: number }[];
  readonly index: number;
  readonly message_source: string;
}

async function sampleTree(): Promise<string> {
  const root = await folder();
  await mkdir(join(root, "a", "b"), { recursive: true });
  await writeFile(join(root, "a", "b", "file.txt"), "hello");
  await writeFile(join(root, "with,comma\nand newline"), "x");
  await writeFile(join(root, "ünï.csv"), "");
  await symlink("a", join(root, "link"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  return root;
}

/** As `find` sees it, in our form. */
function found(root: string): string[] {
  const text = execFileSync("find", [root, "-printf", "/%P\\0"]).toString("utf8");
  return text.split("\0").slice(0, -1).sort();
}

const events = (lines: readonly string[]): WireEvent[] => lines.slice(1).map((line) => JSON.parse(line) as WireEvent);

const pathsOf = (lines: readonly string[], type: string): string[] =>
  events(lines)
    .filter((event) => event.event_type === type)
    .map((event) => event.rows[0]?.path ?? "");

describe("scan", () => {
  test("prints what find prints, one row a line, the root first", async () => {
    const root = await sampleTree();
    const { code, stdout, stderr } = await run(["scan", root]);
    const rows = stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { path: string; size: number; is_directory: boolean });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(rows[0]).toMatchObject({ path: "/", file_name: "", is_directory: true });
    expect(rows.map((row) => row.path).sort()).toEqual(found(root));
    expect(rows.find((row) => row.path === "/a/b/file.txt")).toMatchObject({ size: 5, is_directory: false });
    expect(rows.find((row) => row.path === "/link")).toMatchObject({ size: 1, is_directory: false });
  });

  test("--summary prints one line whose counts are those of the tree and no rows", async () => {
    const root = await sampleTree();
    const { code, stdout } = await run(["scan", root, "--summary"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toHaveLength(2);
    const summary = JSON.parse(stdout) as Record<string, number>;
    expect(summary).toMatchObject({ rows: 8, directories: 3, files: 3, symlinks: 1, others: 1, complete: true });
    expect(summary.rows_per_second).toBeGreaterThan(0);
  });

  test("an exclude glob and a file pattern leave out what they name", async () => {
    const root = await sampleTree();
    const { stdout } = await run(["scan", root, "--exclude", "b/", "--file-pattern", "*.csv"]);
    const paths = stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { path: string }).path);
    expect(paths.sort()).toEqual(["/", "/a", "/ünï.csv"]);
  });

  test.runIf(process.getuid?.() === 0)(
    "a directory that cannot be read is named on stderr and costs exit code 1",
    async () => {
      const root = await sampleTree();
      await mkdir(join(root, "locked"), { mode: 0o700 });
      await chmod(root, 0o755);
      const { code, stdout, stderr } = await run(["scan", root, "--summary"], { uid: 65_534, cwd: "/" });
      expect(code).toBe(1);
      expect(stderr).toContain("/locked");
      expect(stderr).toContain("EACCES");
      expect(JSON.parse(stdout)).toMatchObject({ failed_directories: 1 });
    },
  );

  test.each([["/no/such/directory"], ["/etc/passwd"]])("%s gives one line on stderr and exit code 1", async (path) => {
    const { code, stdout, stderr } = await run(["scan", path]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).toContain(path);
  });

  test("a reader that has seen enough ends it quietly", async () => {
    const root = await folder();
    await Promise.all(Array.from({ length: 3000 }, (_, n) => writeFile(join(root, `file-${n}`), "")));
    const scan = cli(["scan", root]);
    scan.child.stdout.destroy();
    expect(await scan.ended).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("watch", () => {
  async function watching(root: string, ...options: string[]) {
    const watch = cli(["watch", root, ...options]);
    await watch.until("it is ready", ({ lines }) => lines.length > 0);
    return watch;
  }

  test("says nothing of what stood there and everything that happens afterwards, in the wire's form", async () => {
    const root = await sampleTree();
    const watch = await watching(root);
    await writeFile(join(root, "a", "new.txt"), "12345");
    await rm(join(root, "ünï.csv"));
    await rename(join(root, "a", "b"), join(root, "c"));
    await watch.until("all events came", ({ lines }) => {
      const [updates, deletes] = [pathsOf(lines, "update"), pathsOf(lines, "delete")];
      return updates.includes("/a/new.txt") && deletes.includes("/ünï.csv") && updates.includes("/c/file.txt");
    });
    watch.child.kill("SIGTERM");
    expect(await watch.ended).toMatchObject({ code: 0, stderr: "" });
    expect(watch.lines[0]).toBe('{"ready":true}');
    expect(pathsOf(watch.lines, "delete")).toContain("/a/b");
    expect(pathsOf(watch.lines, "update")).not.toContain("/fifo");
    const all = events(watch.lines);
    const indexes = all.map((event) => event.index);
    expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
    for (const event of all) {
      expect(event).toMatchObject({ event_schema: "fs", table: "files", message_source: "realtime" });
      expect(event.rows).toHaveLength(1);
      expect(event.fields).toEqual(Object.keys(event.rows[0] ?? {}));
    }
  });

  test("SIGTERM lets out what happened before it and ends with 0", async () => {
    const root = await folder();
    const watch = await watching(root);
    for (let n = 0; n < 50; n++) await writeFile(join(root, `f${n}`), "x");
    watch.child.kill("SIGTERM");
    expect((await watch.ended).code).toBe(0);
    const paths = new Set(pathsOf(watch.lines, "update"));
    expect([...Array(50).keys()].filter((n) => !paths.has(`/f${n}`))).toEqual([]);
  });

  test("SIGINT ends it with 0 too", async () => {
    const watch = await watching(await folder());
    watch.child.kill("SIGINT");
    expect(await watch.ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("a closed pipe ends it quietly at the next event", async () => {
    const root = await folder();
    const watch = await watching(root);
    watch.child.stdout.destroy();
    await writeFile(join(root, "f"), "x");
    expect(await watch.ended).toMatchObject({ code: 0, stderr: "" });
  });

  test("it ends when its reader goes away, although nothing happens in the tree", async () => {
    const root = await folder();
    const watch = await watching(root);
    watch.child.stdout.destroy();
    expect(await watch.ended).toMatchObject({ code: 0, stderr: "" });
    const piped = spawnSync("sh", ["-c", '"$0" "$1" watch "$2" | head -n 1', process.execPath, cliPath(), root], {
      encoding: "utf8",
      timeout: 20_000 * PATIENCE,
    });
    expect(piped).toMatchObject({ status: 0, stdout: '{"ready":true}\n', stderr: "" });
  });

  test("--raw prints the kernel's events", async () => {
    const root = await folder();
    const watch = await watching(root, "--raw");
    await writeFile(join(root, "f"), "x");
    await rename(join(root, "f"), join(root, "g"));
    const raw = (lines: readonly string[]) =>
      lines.slice(1).map((line) => JSON.parse(line) as { mask: string[]; path: string; cookie: number; wd: number });
    const movesOf = (lines: readonly string[]) => raw(lines).filter(({ mask }) => mask.join().includes("MOVED"));
    await watch.until("both halves of the move came", ({ lines }) => movesOf(lines).length >= 2);
    watch.child.kill("SIGTERM");
    expect((await watch.ended).code).toBe(0);
    const [from, to] = movesOf(watch.lines);
    expect([from?.path, to?.path]).toEqual(["/f", "/g"]);
    expect(from?.cookie).toBe(to?.cookie);
    expect(from?.cookie).not.toBe(0);
    expect(typeof from?.wd).toBe("number");
  });
});

describe("configuration commands", () => {
  test("init writes a sample for the owner only that validates, and never writes over it", async () => {
    const home = join(await folder(), "home");
    expect((await run(["init"], { home })).code).toBe(0);
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    const file = join(home, "agent-config.yaml");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const valid = await run(["validate"], { home });
    expect(valid).toMatchObject({ code: 0, stdout: expect.stringContaining("is valid") });
    expect(valid.stderr).toContain("placeholder");
    await appendFile(file, "# mine\n");
    expect((await run(["init"], { home })).code).toBe(1);
    expect(await readFile(file, "utf8")).toContain("# mine");
    expect((await run(["list"], { home })).stdout).toMatch(/^PIPE ID .*\n.*ENABLED/);
  });

  test("init does not add to a configuration in the other form", async () => {
    const home = await folder();
    await mkdir(join(home, "agent-config"));
    await writeFile(join(home, "agent-config", "lab.yaml"), "pipes: {}\n");
    expect((await run(["init"], { home })).code).toBe(1);
    await expect(stat(join(home, "agent-config.yaml"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("validate names every problem with file, line and column and ends with 78", async () => {
    const home = await folder();
    const yaml =
      "sources:\n  - id: s\n    type: fs\n    config: {uri: relative}\nsenders:\n  - id: t\n    type: nope\npipes: []\nbogus: 1\n";
    await writeFile(join(home, "agent-config.yaml"), yaml);
    const { code, stderr } = await run(["validate"], { home });
    expect(code).toBe(78);
    for (const place of ["agent-config.yaml:4:", "agent-config.yaml:6:", "agent-config.yaml:9:1"]) {
      expect(stderr).toContain(place);
    }
    expect(stderr).not.toContain("    at ");
  });

  test.each([["start"], ["start", "-D"], ["validate"], ["list"]])(
    "%s %s of a home without configuration says init and ends with 78",
    async (...args) => {
      const { code, stderr } = await run(args, { home: await folder() });
      expect(code).toBe(78);
      expect(stderr).toContain("fustor-agent init");
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    },
  );

  test("a mistyped command ends with 64 and a suggestion", async () => {
    expect(await run(["statsu"])).toMatchObject({ code: 64, stderr: expect.stringContaining("Did you mean status?") });
  });

  test("--version prints the package's version alone", async () => {
    const manifest = JSON.parse(await readFile(join(import.meta.dirname, "../../package.json"), "utf8")) as {
      version: string;
    };
    expect(await run(["--version"])).toMatchObject({ code: 0, stdout: `${manifest.version}\n` });
  });
});

interface Setup {
  readonly home: string;
  readonly root: string;
}

/** A home whose pipe `p1` reports to echo, and what else is given. */
async function agentSetup(more = { senders: "", pipes: "" }): Promise<Setup> {
  const [home, root] = [await agentHome(), await sampleTree()];
  const yaml = `
sources:
  - {id: s1, type: fs, config: {uri: ${JSON.stringify(root)}}}
senders:
  - {id: to-echo, type: echo, config: {}}
${more.senders}
pipes:
  - {id: p1, source_id: s1, sender_id: to-echo, enabled: true}
${more.pipes}
`;
  await writeFile(join(home, "agent-config.yaml"), yaml);
  return { home, root };
}

interface StatusJson {
  readonly state: string;
  readonly pid: number;
  readonly console: { readonly state: string; readonly url?: string };
  readonly pipes: readonly {
    readonly id: string;
    readonly state: string;
    readonly snapshot: string;
    readonly lastError?: string;
  }[];
  readonly sources: readonly { readonly status: { readonly availability: { readonly state: string } } }[];
}

const statusOf = async (home: string): Promise<StatusJson> =>
  JSON.parse((await run(["status", "--json"], { home })).stdout) as StatusJson;

/** A zombie that nobody has buried yet does not live. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("the agent's life", () => {
  test("start -D, status, a second start, stop and status tell the truth with their exit codes", async () => {
    const { home } = await agentSetup();
    const started = await run(["start", "-D"], { home });
    expect(started).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Started \(PID \d+\)/) });
    await eventually("the pipe runs", async () => (await statusOf(home)).pipes[0]?.snapshot === "complete");
    const status = await statusOf(home);
    expect(status).toMatchObject({ state: "running", pipes: [{ id: "p1", state: "running" }] });
    expect(started.stdout).toContain(`PID ${status.pid}`);
    expect((await run(["status"], { home })).stdout).toMatch(/p1 +running +leader/);
    for (const args of [["start"], ["start", "-D"]]) {
      expect(await run(args, { home })).toMatchObject({
        code: 75,
        stderr: expect.stringContaining(`PID ${status.pid}`),
      });
    }
    expect(alive(status.pid)).toBe(true);
    expect((await run(["stop"], { home })).code).toBe(0);
    expect(alive(status.pid)).toBe(false);
    expect(await run(["status"], { home })).toMatchObject({ code: 3, stdout: expect.stringContaining("STOPPED") });
    expect(await run(["stop"], { home })).toMatchObject({ code: 0, stdout: expect.stringContaining("No agent") });
  });

  test("of five starts at once one wins and the others end with 75", async () => {
    const { home } = await agentSetup();
    const ends = await Promise.all(Array.from({ length: 5 }, () => run(["start", "-D"], { home })));
    expect(ends.map(({ code }) => code).sort()).toEqual([0, 75, 75, 75, 75]);
    expect((await statusOf(home)).state).toBe("running");
  });

  test("a foreground start tells what it does and SIGTERM ends it with 0 and without leftovers", async () => {
    const { home } = await agentSetup();
    const agent = cli(["start"], { home });
    await agent.until("the snapshot is said to be complete", ({ stdout }) => stdout.includes("snapshot is complete"));
    expect((await stat(join(home, "agent.sock"))).mode & 0o777).toBe(0o600);
    agent.child.kill("SIGTERM");
    expect(await agent.ended).toMatchObject({ code: 0, stderr: "" });
    for (const name of ["agent.pid", "agent.sock"]) {
      await expect(stat(join(home, name))).rejects.toMatchObject({ code: "ENOENT" });
    }
    expect(await readFile(join(home, "state", "pipes.json"), "utf8")).not.toContain("session");
  });

  test("after SIGKILL it is stopped, starts again, and the log of both runs is there", async () => {
    const { home } = await agentSetup();
    await run(["start", "-D"], { home });
    const { pid } = await statusOf(home);
    process.kill(pid, "SIGKILL");
    await eventually("it is gone", async () => (await run(["status"], { home })).code === 3);
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    expect((await statusOf(home)).pid).not.toBe(pid);
    await run(["stop"], { home });
    const log = await readFile(join(home, "fustor_agent.log"), "utf8");
    expect(log.match(/"msg":"starting"/g)).toHaveLength(2);
    expect(log).not.toContain('"level":"debug"');
  });

  test("-V reaches the daemon and its log", async () => {
    const { home } = await agentSetup();
    expect((await run(["start", "-D", "-V"], { home })).code).toBe(0);
    await run(["stop"], { home });
    expect(await readFile(join(home, "fustor_agent.log"), "utf8")).toContain('"level":"debug"');
  });

  test("a Fusion that is away and a root that is missing are states and no failures of the start", async () => {
    const port = await freePort();
    const { home, root } = await agentSetup({
      senders: `  - {id: away, type: fusion, config: {endpoint: "http://127.0.0.1:${port}", credential: the-key}}`,
      pipes: "  - {id: p2, source_id: s1, sender_id: away, enabled: true}",
    });
    await rename(root, `${root}-away`);
    onTestFinished(() => rm(`${root}-away`, { recursive: true, force: true }));
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    await eventually("both are said", async () => {
      const { pipes, sources } = await statusOf(home);
      const [first, second] = pipes;
      const away = sources[0]?.status.availability.state === "unavailable";
      return away && first?.state === "waiting_for_source" && second?.state === "reconnecting";
    });
    await rename(`${root}-away`, root);
    await eventually("the pipe runs", async () => (await statusOf(home)).pipes[0]?.snapshot === "complete");
  });

  test("a pipe that cannot start is named, and the start counts because the others run", async () => {
    const { home } = await agentSetup({
      senders: `  - {id: bad, type: fusion, config: {endpoint: "https://127.0.0.1:1", credential: a-push-key, driver_params: {ca_file: /no/such/ca.pem}}}`,
      pipes: "  - {id: p2, source_id: s1, sender_id: bad, enabled: true}",
    });
    const { code, stdout, stderr } = await run(["start", "-D"], { home });
    expect({ code, named: stderr.includes("p2 did not start") }).toEqual({ code: 0, named: true });
    expect(stdout).toContain("Started with 1 of 2 pipes");
    const { pipes } = await statusOf(home);
    expect(pipes.map(({ id, state }) => `${id} ${state === "failed"}`)).toEqual(["p1 false", "p2 true"]);
  });

  test("an agent none of whose pipes can start ends, and start -D says why", async () => {
    const { home } = await agentSetup({
      senders: `  - {id: bad, type: fusion, config: {endpoint: "https://127.0.0.1:1", credential: a-push-key, driver_params: {ca_file: /no/such/ca.pem}}}`,
      pipes: "  - {id: p2, source_id: s1, sender_id: bad, enabled: true}",
    });
    const { code, stderr } = await run(["start", "p2", "-D"], { home });
    expect(code).toBe(1);
    expect(stderr).toContain("/no/such/ca.pem");
    await eventually("it ended", async () => (await run(["status"], { home })).code === 3);
  });

  test("a pipe that is not enabled starts by its name alone", async () => {
    const { home } = await agentSetup({ senders: "", pipes: "  - {id: p2, source_id: s1, sender_id: to-echo}" });
    expect((await run(["start", "p2", "-D"], { home })).code).toBe(0);
    expect((await statusOf(home)).pipes.map(({ id }) => id)).toEqual(["p2"]);
    const { stdout } = await run(["list"], { home });
    expect(stdout).toMatch(/p1 +ENABLED .*not started/);
    expect(stdout).toMatch(/p2 +DISABLED .*(running|waiting_for_source|connecting)/);
  });

  test("a home too deep for a socket address works all the same", async () => {
    const base = await folder();
    const home = join(base, "x".repeat(70), "y".repeat(70));
    await mkdir(home, { recursive: true, mode: 0o700 });
    const root = await sampleTree();
    const yaml = `sources: [{id: s, type: fs, config: {uri: ${JSON.stringify(root)}}}]\nsenders: [{id: e, type: echo, config: {}}]\npipes: [{id: p, source_id: s, sender_id: e, enabled: true}]\n`;
    await writeFile(join(home, "agent-config.yaml"), yaml);
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    expect((await statusOf(home)).state).toBe("running");
    expect((await run(["stop"], { home })).code).toBe(0);
    expect((await run(["status"], { home })).code).toBe(3);
  });

  test("an agent that does not answer is killed by stop in the end", { timeout: 60_000 * PATIENCE }, async () => {
    const { home } = await agentSetup();
    await run(["start", "-D"], { home });
    const { pid } = await statusOf(home);
    process.kill(pid, "SIGSTOP");
    expect(await run(["stop"], { home })).toMatchObject({ code: 1, stderr: expect.stringContaining("killed") });
    expect(alive(pid)).toBe(false);
  });

  test("its own home inside the watched tree is neither reported nor a loop", async () => {
    const root = await sampleTree();
    const home = join(root, ".fustor");
    await mkdir(home, { mode: 0o700 });
    onTestFinished(async () => void (await run(["stop"], { home })));
    const yaml = `sources: [{id: s, type: fs, config: {uri: ${JSON.stringify(root)}}}]\nsenders: [{id: e, type: echo, config: {}}]\npipes: [{id: p, source_id: s, sender_id: e, enabled: true}]\n`;
    await writeFile(join(home, "agent-config.yaml"), yaml);
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const entries = async () => (await statusOf(home)) as StatusJson & { pipes: { snapshotRows: number }[] };
    await eventually("the snapshot is complete", async () => (await entries()).pipes[0]?.snapshot === "complete");
    expect((await entries()).pipes[0]?.snapshotRows).toBe(
      found(root).filter((path) => !path.startsWith("/.fustor")).length,
    );
    await run(["stop"], { home });
  });
});

describe("scan on a terminal", () => {
  test("shows what would steer it as escapes, and gives a program the bytes as they are", async () => {
    const root = await folder();
    const names = ["\u009b31mred", "\u202etxt.exe", "plain"];
    for (const name of names) await writeFile(join(root, name), "");
    const [command = "", ...args] = [process.execPath, cliPath(), "scan", root];
    const line = [command, ...args].map((word) => `'${word}'`).join(" ");
    const shown = execFileSync("script", ["-qec", line, "/dev/null"], { stdio: ["ignore", "pipe", "pipe"] }).toString();
    for (const active of ["\u009b", "\u202e"]) expect(shown).not.toContain(active);
    const rows = shown
      .trim()
      .split(/\r?\n/)
      .slice(1)
      .map((row) => (JSON.parse(row) as { file_name: string }).file_name);
    expect(rows.sort()).toEqual([...names].sort());
    const piped = await run(["scan", root]);
    for (const name of names) expect(piped.stdout).toContain(name);
  });
});

describe("the status page", () => {
  const addressOf = async (home: string): Promise<string> =>
    /^Console {2}(\S+)/m.exec((await run(["status"], { home })).stdout)?.[1] ?? "";

  test("is there on its port, whole for who has the address that `status` prints", async () => {
    const { home } = await agentSetup();
    const port = await freePort();
    await run(["start", "-D"], { home, env: { FUSTOR_CONSOLE_PORT: String(port) } });
    const address = new URL(await addressOf(home));
    expect(address.port).toBe(String(port));
    const page = await fetch(address);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(">p1<");
    const facts = (await (await fetch(new URL(`/api/status${address.search}`, address))).json()) as StatusJson;
    expect(facts.pid).toBe((await statusOf(home)).pid);
    for (const path of ["/", "/api/status"]) {
      const seen = await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
      for (const secret of [home, "p1", "to-echo"]) expect(seen).not.toContain(secret);
    }
    expect((await stat(join(home, "console.token"))).mode & 0o777).toBe(0o600);
    await run(["stop"], { home });
    await expect(stat(join(home, "console.token"))).rejects.toThrow("ENOENT");
  });

  test("a port that was set and is taken is said in the status and survived", async () => {
    const { home } = await agentSetup();
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect((await run(["start", "-D"], { home, env: { FUSTOR_CONSOLE_PORT: String(port) } })).code).toBe(0);
    expect((await statusOf(home)).console).toMatchObject({
      state: "failed",
      reason: expect.stringContaining(String(port)),
    });
  });

  test("a second agent on the machine has one, too, and `console` in the configuration places it or turns it off", async () => {
    const env = { FUSTOR_CONSOLE_PORT: "" };
    const ports = new Set<string>();
    for (let agent = 0; agent < 2; agent++) {
      const { home } = await agentSetup();
      expect((await run(["start", "-D"], { home, env })).code).toBe(0);
      const address = await addressOf(home);
      expect((await fetch(address)).status).toBe(200);
      ports.add(new URL(address).port);
    }
    expect(ports.size).toBe(2);
    const port = await freePort();
    const { home: placed } = await agentSetup();
    await appendFile(join(placed, "agent-config.yaml"), `\nconsole: {host: 127.0.0.1, port: ${port}}\n`);
    await run(["start", "-D"], { home: placed, env });
    expect(new URL(await addressOf(placed)).host).toBe(`127.0.0.1:${port}`);
    const { home: without } = await agentSetup();
    await appendFile(join(without, "agent-config.yaml"), "\nconsole: {enabled: false}\n");
    await run(["start", "-D"], { home: without, env });
    expect((await statusOf(without)).console).toEqual({ state: "off" });
  });
});

describe("fusion", () => {
  test("serves the configured view, takes an agent's rows and SIGTERM ends it with 0", async () => {
    const [viewPort, receiverPort] = [await freePort(), await freePort()];
    const { home } = await agentSetup({
      senders: `  - {id: f, type: fusion, config: {endpoint: "http://127.0.0.1:${receiverPort}", credential: push-key}}`,
      pipes: "  - {id: to-fusion, source_id: s1, sender_id: f, enabled: true}",
    });
    await mkdir(join(home, "fusion-config"));
    const yaml = `
port: ${viewPort}
receivers: {in: {driver: http, bind_host: 127.0.0.1, port: ${receiverPort}, api_keys: [{key: push-key, pipe_id: pipe-1}]}}
views: {unified: {driver: fs, api_keys: [read-key]}}
pipes: {pipe-1: {receiver: in, views: [unified]}}
`;
    await writeFile(join(home, "fusion-config", "default.yaml"), yaml);
    const fusion = cli(["fusion"], { home });
    await fusion.until("its addresses are printed", ({ stdout }) => stdout.includes(`:${receiverPort}`));
    expect((await run(["start", "-D"], { home })).code).toBe(0);
    const url = `http://127.0.0.1:${viewPort}/api/v1/views/unified/tree?path=/a/b`;
    await eventually("the view is there", async () => {
      const answer = await fetch(url, { headers: { "x-api-key": "read-key" } });
      return answer.status === 200 && (await answer.text()).includes("/a/b/file.txt");
    });
    await run(["stop"], { home });
    fusion.child.kill("SIGTERM");
    expect((await fusion.ended).code).toBe(0);
  });

  test("without a configuration it ends with 78 and says how to begin one", async () => {
    const { code, stdout, stderr } = await run(["fusion"], { home: await folder() });
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain("run `fustor-agent fusion init`");
  });
});
