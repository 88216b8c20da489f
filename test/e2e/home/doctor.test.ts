/** The doctor against real faults: each is made, found with its cure, and gone after the cure. */
import { execFileSync } from "node:child_process";
import { chmod, mkdir, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../../src/cli/doctor/finding.ts";
import type { FusionHost } from "../../support/in-process-fusion.ts";
import { createInProcessFusion } from "../../support/in-process-fusion.ts";
import { agentHome, cli, eventually, folder, freePort, type RunOptions, run } from "../cli-process.ts";

const KEY = "push-key";
const WRONG_KEY = "wr0ng-key-9f2c";

async function fusion(): Promise<FusionHost> {
  const host = await createInProcessFusion();
  await host.start();
  onTestFinished(() => void host.kill());
  return host;
}

interface Wish {
  readonly url: string;
  readonly root: string;
  readonly key?: string;
}

/** A home with one pipe, as a user would write it. */
async function write(home: string, { url, root, key = KEY }: Wish): Promise<string> {
  const file = join(home, "agent-config.yaml");
  const config = {
    sources: { files: { driver: "fs", uri: root } },
    senders: { "to-fusion": { driver: "fusion", uri: url, credential: { key }, timeout_sec: 5 } },
    pipes: { "pipe-1": { source: "files", sender: "to-fusion", error_retry_interval: 0.2 } },
  };
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

interface Report {
  readonly code: number | null;
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly problems: readonly Finding[];
}

async function doctor(home: string, options: RunOptions = {}): Promise<Report> {
  const { code, stdout, stderr } = await run(["doctor", "--json"], { home, ...options });
  expect(stderr).toBe("");
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] };
  return { code, text: stdout, findings, problems: findings.filter(({ severity }) => severity === "problem") };
}

test("a home that is in order has no problem, the key is tried without a session, and nothing is written", async () => {
  const host = await fusion();
  const [home, root] = [await agentHome(), await folder()];
  await write(home, { url: host.receiver.url, root });
  const before = await stat(home);
  const { code, problems, findings } = await doctor(home);
  expect({ code, problems }).toEqual({ code: 0, problems: [] });
  const answers = `${host.receiver.url} answers and takes the key (of pipe-1)`;
  expect(findings).toContainEqual({ check: "sender", about: "to-fusion", severity: "ok", what: answers });
  expect(findings).toContainEqual(expect.objectContaining({ check: "clock", severity: "ok" }));
  expect(findings).toContainEqual(expect.objectContaining({ check: "source", about: "files", severity: "ok" }));
  expect(await host.view.sessions()).toEqual([]);
  expect((await stat(home)).mtimeMs).toBe(before.mtimeMs);
});

test("a wrong key and a key that only reads are problems, and no key is ever shown", async () => {
  const host = await fusion();
  const [home, root] = [await agentHome(), await folder()];
  for (const key of [WRONG_KEY, "read-key"]) {
    const file = await write(home, { url: host.receiver.url, root, key });
    const { code, text, problems } = await doctor(home);
    const cure = expect.stringContaining(`into credential at ${file}:`);
    const what = expect.stringContaining("refuses the key");
    expect(problems).toEqual([{ check: "sender", about: "to-fusion", severity: "problem", what, cure }]);
    expect(code).toBe(1);
    expect(text).not.toContain(WRONG_KEY);
  }
  await write(home, { url: host.receiver.url, root });
  expect(await doctor(home)).toMatchObject({ code: 0, problems: [] });
});

test("a missing root, a Fusion that is away and a taken port are problems, each gone after its cure", async () => {
  const host = await fusion();
  const [home, parent, port] = [await agentHome(), await folder(), await freePort()];
  const root = join(parent, "gone");
  await write(home, { url: host.receiver.url, root });
  await host.kill();
  const taken = createServer();
  onTestFinished(() => void taken.close());
  await new Promise<void>((resolve) => void taken.listen(port, "127.0.0.1", resolve));
  const env = { FUSTOR_CONSOLE_PORT: `${port}` };
  const sick = await doctor(home, { env });
  expect(sick.problems.map(({ check }) => check).sort()).toEqual(["console", "sender", "source"]);
  const cures = sick.problems.map(({ cure }) => cure);
  expect(cures).toContainEqual(expect.stringContaining(`mkdir -p ${root}`));
  expect(cures).toContainEqual(expect.stringContaining(`ss -ltnp 'sport = :${port}'`));
  expect(cures).toContainEqual(expect.stringContaining(`curl -sv ${host.receiver.url}`));
  await host.start();
  await mkdir(root);
  await new Promise<void>((resolve) => void taken.close(() => resolve()));
  expect(await doctor(home, { env })).toMatchObject({ code: 0, problems: [] });
});

test("files that others may write or read are problems, and the command of the cure cures them", async () => {
  const host = await fusion();
  const [home, root] = [await agentHome(), await folder()];
  const file = await write(home, { url: host.receiver.url, root });
  await chmod(file, 0o666);
  await mkdir(join(home, "state"), { mode: 0o700 });
  await chmod(join(home, "state"), 0o777);
  const { problems, code } = await doctor(home);
  expect(code).toBe(1);
  expect(problems.map(({ what }) => what)).toEqual([
    expect.stringContaining("can be written by every user of this machine (mode 0666)".replace(" of this machine", "")),
    expect.stringContaining("can be written by every user (mode 0777)"),
  ]);
  for (const { cure = "" } of problems) execFileSync("sh", ["-c", /chmod \S+ \S+/.exec(cure)?.[0] ?? "false"]);
  expect(await doctor(home)).toMatchObject({ code: 0, problems: [] });
});

test("a home without a configuration and one whose configuration is wrong are problems with exit code 1", async () => {
  const home = await agentHome();
  expect((await doctor(home)).problems).toEqual([
    expect.objectContaining({ check: "configuration", cure: expect.stringContaining("fustor-agent init") }),
  ]);
  await writeFile(join(home, "agent-config.yaml"), "pipes:\n  p:\n    source: nowhere\n    sender: nobody\n");
  const { problems, code } = await doctor(home);
  expect(code).toBe(1);
  expect(problems.map(({ what }) => what)).toEqual([
    expect.stringContaining('refers to the unknown source "nowhere"'),
    expect.stringContaining('refers to the unknown sender "nobody"'),
  ]);
});

test("what a running agent says is wrong is found, and so is what a killed one left behind", async () => {
  const host = await fusion();
  const [home, root] = [await agentHome(), await folder()];
  await write(home, { url: host.receiver.url, root, key: WRONG_KEY });
  const agent = cli(["start"], { home });
  await eventually("the pipe knows that its key is refused", async () => {
    const { stdout } = await run(["status", "--json"], { home });
    return stdout.includes('"key_refused"');
  });
  const refused = (await doctor(home)).problems;
  expect(refused).toContainEqual(
    expect.objectContaining({ check: "pipe", about: "pipe-1", cure: expect.stringContaining("fustor-agent reload") }),
  );
  await write(home, { url: host.receiver.url, root });
  await run(["reload"], { home });
  await eventually("the pipe runs and the doctor has nothing to say", async () => (await doctor(home)).code === 0);
  agent.child.kill("SIGKILL");
  await agent.ended;
  const { code, findings } = await doctor(home);
  expect(code).toBe(0);
  const left = findings.find(({ check }) => check === "agent");
  expect(left).toMatchObject({ severity: "note", what: expect.stringContaining(join(home, "agent.pid")) });
});
