/** `validate` says of a sender's `ca_file` what the start says, whatever stands there. */
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startRecordingReceiver } from "../support/recording-receiver.ts";
import { agentHome, cli, folder, type RunOptions, run } from "./cli-process.ts";

const TLS = resolve(import.meta.dirname, "../fixtures/tls");
const text = (name: string): string => readFileSync(join(TLS, name), "utf8");
const CURE = "name a PEM file of certificates that the agent may read";
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

/** A home with one pipe to that place; the file in it that is the CA's. */
async function setup(endpoint: string): Promise<{ readonly home: string; readonly ca: string; readonly root: string }> {
  const [home, root] = [await agentHome(), await folder()];
  const ca = join(home, "ca.pem");
  mkdirSync(join(home, "agent-config"));
  const config = {
    sources: { src: { driver: "fs", uri: root } },
    senders: {
      far: { driver: "fusion", uri: endpoint, credential: { key: "a-push-key-0123" }, driver_params: { ca_file: ca } },
    },
    pipes: { files: { source: "src", sender: "far", error_retry_interval: 0.2 } },
  };
  writeFileSync(join(home, "agent-config/default.yaml"), JSON.stringify(config), { mode: 0o600 });
  return { home, ca, root };
}

const NOWHERE = "https://127.0.0.1:1";

/** What both say of a file that is of no use. */
async function bothRefuse(options: RunOptions, what: string): Promise<void> {
  const checked = await run(["validate"], options);
  expect(checked.code).toBe(78);
  expect(checked.stderr).toContain(`default.yaml:1:`);
  expect(checked.stderr).toContain(`senders.far.driver_params.ca_file: ${what}, ${CURE}\n`);
  expect(checked.stderr).toContain("The configuration is not valid: 1 problem.");
  const started = await run(["start"], options);
  expect(started.code).toBe(1);
  expect(`${started.stdout}${started.stderr}`).toContain(`ca_file ${what}: ${CURE}`);
}

const derOf = (pem: string): Buffer =>
  Buffer.from(pem.replaceAll(/-----[^-]+-----/g, "").replaceAll(/\s/g, ""), "base64");

test.each<[string, (path: string) => void, (path: string) => string]>([
  ["is missing", () => undefined, (path) => `${path} does not exist`],
  ["is no certificate", (path) => writeFileSync(path, "hello\n"), (path) => `${path} holds no certificate in PEM form`],
  ["is empty", (path) => writeFileSync(path, ""), (path) => `${path} holds no certificate in PEM form`],
  [
    "is a certificate in another form",
    (path) => writeFileSync(path, derOf(text("ca.pem"))),
    (path) => `${path} holds no certificate in PEM form`,
  ],
  ["is a directory", (path) => mkdirSync(path), (path) => `${path} is no file`],
  ["is a pipe", (path) => execFileSync("mkfifo", [path]), (path) => `${path} is no file`],
])("a ca_file that %s", async (_name, make, what) => {
  const { home, ca } = await setup(NOWHERE);
  make(ca);
  await bothRefuse({ home }, what(ca));
});

test.runIf(isRoot)("a ca_file that the agent's user may not read", async () => {
  const { home, ca } = await setup(NOWHERE);
  copyFileSync(join(TLS, "ca.pem"), ca);
  for (const path of [home, join(home, "agent-config"), join(home, "agent-config/default.yaml")])
    chownSync(path, NOBODY, NOBODY);
  chmodSync(ca, 0o600);
  await bothRefuse({ home, uid: NOBODY, cwd: "/" }, `${ca} cannot be read (EACCES)`);
});

test("a ca_file that everybody may read is no reason for a word", async () => {
  const receiver = await startRecordingReceiver({ tls: { key: text("server.key"), cert: text("server.pem") } });
  onTestFinished(() => receiver.close());
  const { home, ca } = await setup(receiver.url);
  copyFileSync(join(TLS, "ca.pem"), ca);
  chmodSync(ca, 0o644);
  const checked = await run(["validate"], { home });
  expect(checked).toMatchObject({ code: 0, stderr: "" });
  expect(checked.stdout).toContain("is valid: 1 source, 1 sender, 1 pipe, 0 warnings.");
  const agent = cli(["start"], { home });
  await agent.until("a session", () => receiver.of("create").length > 0, 60_000);
  agent.child.kill("SIGTERM");
  expect(await agent.ended).toMatchObject({ code: 0, stdout: expect.not.stringContaining("ca_file") });
});
