/** The whole agent, by its command line, on a network that answers nothing: it ends when it is told to. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startDroppingPort, startLine } from "../support/dead-lines.ts";
import { startRecordingReceiver } from "../support/recording-receiver.ts";
import { agentHome, cli, eventually, folder, run } from "./cli-process.ts";

/** Docker kills after 10 s; starting Node on a busy machine is not ours. */
const PATIENCE_MS = 10_000;

const TLS = resolve(import.meta.dirname, "../fixtures/tls");
const text = (name: string): string => readFileSync(join(TLS, name), "utf8");

interface Task {
  readonly endpoint: string;
  readonly sender?: object;
}

async function homeOf({ endpoint, sender }: Task): Promise<string> {
  const [home, root] = [await agentHome(), await folder()];
  writeFileSync(join(root, "file"), "x");
  mkdirSync(join(home, "agent-config"));
  const config = {
    sources: { src: { driver: "fs", uri: root } },
    senders: { far: { driver: "fusion", uri: endpoint, credential: { key: "a-push-key-0123" }, ...sender } },
    pipes: { files: { source: "src", sender: "far", error_retry_interval: 0.2 } },
  };
  writeFileSync(join(home, "agent-config/default.yaml"), JSON.stringify(config));
  return home;
}

interface Report {
  readonly pipes: readonly { readonly state: string; readonly lastError?: string }[];
}

async function statusOf(home: string): Promise<Report> {
  const { stdout } = await run(["status", "--json"], { home });
  return JSON.parse(stdout) as Report;
}

async function stopped(home: string): Promise<{ readonly code: number | null; readonly stdout: string; ms: number }> {
  const begin = performance.now();
  const { code, stdout } = await run(["stop"], { home });
  return { code, stdout, ms: performance.now() - begin };
}

test("an agent whose receiver drops every packet ends by SIGTERM, with the default time limit", async () => {
  const port = await startDroppingPort();
  onTestFinished(() => port.close());
  const home = await homeOf({ endpoint: `http://127.0.0.1:${port.port}` });
  const agent = cli(["start"], { home });
  await eventually("the agent connects", async () => (await statusOf(home)).pipes[0]?.state === "connecting");
  const begin = performance.now();
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toMatchObject({ code: 0 });
  expect(performance.now() - begin).toBeLessThan(PATIENCE_MS);
});

test("an agent whose session is alive when the line falls silent is stopped in time", async () => {
  const receiver = await startRecordingReceiver({ tls: { key: text("server.key"), cert: text("server.pem") } });
  onTestFinished(() => receiver.close());
  const line = await startLine(receiver.port);
  onTestFinished(() => line.close());
  const driver_params = { ca_file: join(TLS, "ca.pem") };
  const home = await homeOf({ endpoint: `https://127.0.0.1:${line.port}`, sender: { driver_params } });
  const agent = cli(["start"], { home });
  await eventually("the snapshot", async () => receiver.of("ingest").length >= 2);
  line.silence();
  const { code, stdout, ms } = await stopped(home);
  expect(stdout).not.toContain("killed");
  expect(code).toBe(0);
  expect(ms).toBeLessThan(PATIENCE_MS + 3_000);
  await agent.ended;
});

test("a certificate for another host stops no agent from ending, and from working once it is right", async () => {
  const wrong = { key: text("other.key"), cert: text("other.pem") };
  const receiver = await startRecordingReceiver({ tls: wrong });
  onTestFinished(() => receiver.close());
  const ca = join(await folder(), "ca.pem");
  writeFileSync(ca, `${text("ca.pem")}${text("other.pem")}`);
  const home = await homeOf({ endpoint: receiver.url, sender: { driver_params: { ca_file: ca } } });
  const agent = cli(["start"], { home });
  await eventually("the failure", async () => (await statusOf(home)).pipes[0]?.lastError?.includes("ALTNAME") === true);
  receiver.present({ key: text("server.key"), cert: text("server.pem") });
  await eventually("a session", async () => receiver.of("create").length > 0);
  receiver.present(wrong);
  const { code, stdout } = await stopped(home);
  expect({ code, killed: stdout.includes("killed") }).toEqual({ code: 0, killed: false });
  await agent.ended;
});
