import { once } from "node:events";
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { socketListener } from "../../../../src/admin/socket-listener.ts";
import type { AgentStatus } from "../../../../src/agent/agent-status.ts";
import { addressElsewhere, findAddress, SOCKET_PATH_BYTES } from "../../../../src/agent/control/control-address.ts";
import {
  fetchStatus,
  MOST_ANSWER_BYTES,
  requestConfirm,
  requestPipeStart,
  requestPipeStop,
  requestReload,
  requestResend,
  requestSnapshotCommand,
  requestStop,
  requestSweep,
} from "../../../../src/agent/control/control-client.ts";
import { startControlServer } from "../../../../src/agent/control/control-server.ts";
import { FustorError, silentLogger } from "../../../../src/sdk/index.ts";
import { adminPortWith } from "../../../support/admin-port.ts";
import { waitFor } from "../../../support/wait-for.ts";
import { freshFolder } from "../folder.ts";

const someStatus = { state: "running", pid: process.pid, pipes: [] } as unknown as AgentStatus;

async function serve(home: string) {
  let stops = 0;
  const stoppedPipes: string[] = [];
  const port = adminPortWith({
    status: () => someStatus,
    requestStop: () => stops++,
    reload: async () => ({ kind: "done", pipes: [{ pipe: "p1", action: "unchanged", reasons: [] }], notes: [] }),
    resend: (pipe, directories) => (pipe === "p1/ü" ? directories.length > 1 : undefined),
    commandSnapshot: (pipe, command) => (pipe === "p1" ? command === "pause" : undefined),
    sweepSource: (pipe, command) => (pipe === "p1" ? command.kind === "start" : undefined),
    confirmSource: (id) => (id === "s1" ? true : id === "s2" ? false : undefined),
    startPipes: async (name) => {
      if (name === "p?") throw new FustorError("FUSTOR_CONFIG_INVALID", "there is no such pipe");
      return [{ pipe: name, ran: false }];
    },
    stopPipe: async (id) => {
      stoppedPipes.push(id);
      return id === "p1/ü";
    },
  });
  const server = await startControlServer(home, socketListener({ port, logger: silentLogger }));
  onTestFinished(() => server.close());
  return { server, stops: () => stops, stoppedPipes };
}

async function longHome(): Promise<string> {
  const home = join(await freshFolder(), "x".repeat(60), "y".repeat(60));
  await mkdir(home, { recursive: true });
  return home;
}

test("status and stop reach the agent through a socket of mode 0600", async () => {
  const home = await freshFolder();
  const { server, stops } = await serve(home);
  expect(server.path).toBe(join(home, "agent.sock"));
  expect((await stat(server.path)).mode & 0o777).toBe(0o600);
  expect(await fetchStatus(home)).toEqual(someStatus);
  await requestStop(home);
  await waitFor(() => stops() === 1, { timeoutMs: 5000, what: "the stop that was asked for" });
});

test("directories to be told again reach the agent in the body, however many and however they are called", async () => {
  const home = await freshFolder();
  await serve(home);
  const many = Array.from({ length: 20_000 }, (_, at) => `/a directory\nwith an odd name/${"x".repeat(100)}/${at}`);
  expect(await requestResend(home, "p1/ü", many)).toEqual({ known: true, done: true });
  expect(await requestResend(home, "p1/ü", ["/"])).toEqual({ known: true, done: false });
  expect(await requestResend(home, "other", ["/"])).toEqual({ known: false, done: false });
  await expect(requestResend(home, "p1/ü", ["relative"])).rejects.toThrow("answered 400");
});

test("a reload's outcome and whether a pipe was there to be stopped come back through the socket", async () => {
  const home = await freshFolder();
  const { stoppedPipes } = await serve(home);
  expect(await requestReload(home)).toMatchObject({ kind: "done", pipes: [{ pipe: "p1", action: "unchanged" }] });
  expect(await requestPipeStop(home, "p1/ü")).toBe(true);
  expect(await requestPipeStop(home, "100%")).toBe(false);
  expect(await requestPipeStart(home, "p1/ü")).toEqual({ kind: "done", pipes: [{ pipe: "p1/ü", ran: false }] });
  expect(await requestPipeStart(home, "p?")).toMatchObject({ kind: "refused", code: "FUSTOR_CONFIG_INVALID" });
  expect(stoppedPipes).toEqual(["p1/ü", "100%"]);
});

test("what came of a confirmation comes back through the socket", async () => {
  const home = await freshFolder();
  await serve(home);
  expect(await requestConfirm(home, "s1")).toEqual({ known: true, confirmed: true });
  expect(await requestConfirm(home, "s2")).toEqual({ known: true, confirmed: false });
  expect(await requestConfirm(home, "nobody")).toEqual({ known: false, confirmed: false });
});

test("a sweep is asked for through the socket", async () => {
  const home = await freshFolder();
  await serve(home);
  expect(await requestSweep(home, "p1", { kind: "start", mode: "hash" })).toEqual({ known: true, done: true });
  expect(await requestSweep(home, "p1", { kind: "pause" })).toEqual({ known: true, done: false });
  expect(await requestSweep(home, "nobody", { kind: "cancel" })).toEqual({ known: false, done: false });
  expect(await requestSnapshotCommand(home, "p1", "pause")).toBeUndefined();
  const refusals = await Promise.all(
    (["cancel", "resume"] as const).map((command) => requestSnapshotCommand(home, "p1", command)),
  );
  expect(refusals.map((refusal) => refusal?.message)).toEqual(["p1: no snapshot runs", "p1: no snapshot is paused"]);
  expect(refusals[0]).toMatchObject({ status: 409, code: "no_snapshot" });
  expect(await requestSnapshotCommand(home, "nobody", "pause")).toMatchObject({ status: 404, code: "pipe_unknown" });
});

test("a reload asked of nobody says that no agent runs", async () => {
  await expect(requestReload(await freshFolder())).rejects.toMatchObject({ code: "FUSTOR_AGENT_STOPPED" });
});

test("a home that is too long for a socket address gets one elsewhere in a private folder", async () => {
  const home = await longHome();
  expect(Buffer.byteLength(join(home, "agent.sock"))).toBeGreaterThan(SOCKET_PATH_BYTES);
  const { server } = await serve(home);
  expect(server.path.startsWith(home)).toBe(false);
  expect((await readFile(join(home, "agent.sock.path"), "utf8")).split("\n")[0]).toBe(server.path);
  expect((await stat(join(server.path, ".."))).mode & 0o777).toBe(0o700);
  expect(await fetchStatus(home)).toEqual(someStatus);
  await server.close();
  await expect(lstat(join(server.path, ".."))).rejects.toMatchObject({ code: "ENOENT" });
});

test("a folder that others may enter is not used and not trusted", async () => {
  const home = await longHome();
  const runtime = await freshFolder();
  const first = await addressElsewhere(home, { XDG_RUNTIME_DIR: runtime });
  expect(first.path.startsWith(runtime)).toBe(true);
  await chmod(join(first.path, ".."), 0o755);
  const second = await addressElsewhere(home, { XDG_RUNTIME_DIR: runtime });
  onTestFinished(() => second.dispose());
  expect(second.path.startsWith(runtime)).toBe(false);
  await writeFile(join(home, "agent.sock.path"), first.path);
  expect(await findAddress(home)).toBeUndefined();
});

test("a symbolic link in the place of the private folder is not followed", async () => {
  const home = await longHome();
  const [runtime, target] = [await freshFolder(), await freshFolder()];
  const probe = await addressElsewhere(home, { XDG_RUNTIME_DIR: runtime });
  await probe.dispose();
  await symlink(target, join(probe.path, ".."));
  const address = await addressElsewhere(home, { XDG_RUNTIME_DIR: runtime });
  onTestFinished(() => address.dispose());
  expect(address.path.startsWith(runtime)).toBe(false);
});

test("nobody on the socket means the agent is stopped, also when a crashed run left its socket", async () => {
  const home = await freshFolder();
  await expect(fetchStatus(home)).rejects.toMatchObject({ code: "FUSTOR_AGENT_STOPPED" });
  await writeFile(join(home, "agent.sock"), "");
  await expect(fetchStatus(home)).rejects.toMatchObject({ code: "FUSTOR_AGENT_STOPPED" });
  await serve(home);
  expect(await fetchStatus(home)).toEqual(someStatus);
});

test("somebody who listens and does not answer is no stopped agent", async () => {
  const home = await freshFolder();
  const mute = createServer(() => undefined).listen(join(home, "agent.sock"));
  onTestFinished(() => void mute.close());
  await expect(fetchStatus(home, 100)).rejects.toMatchObject({ code: "FUSTOR_INTERNAL" });
});

test("a home that is a file has no agent", async () => {
  const home = join(await freshFolder(), "home");
  await writeFile(home, "");
  await expect(fetchStatus(home)).rejects.toMatchObject({ code: "FUSTOR_AGENT_STOPPED" });
});

test("an agent that does not know a request is said to be of another version, and not to lack the pipe", async () => {
  const home = await freshFolder();
  const older = createHttpServer((_, response) => response.writeHead(404).end('{"error":"no such call"}'));
  onTestFinished(() => void older.close());
  await new Promise<void>((resolve) => older.listen(join(home, "agent.sock"), resolve));
  for (const request of [fetchStatus(home), requestPipeStop(home, "p1")]) {
    await expect(request).rejects.toMatchObject({
      code: "FUSTOR_INTERNAL",
      message: expect.stringContaining("fustor-agent restart"),
    });
  }
});

test("of an answer without an end no more than the bound is collected", async () => {
  const home = await freshFolder();
  let written = 0;
  const server = createHttpServer((_, response) => {
    const part = Buffer.alloc(1024 * 1024, 0x20);
    const write = (): void => {
      while (!response.destroyed && response.write(part)) written += part.byteLength;
    };
    response.on("drain", write);
    write();
  }).listen(join(home, "agent.sock"));
  await once(server, "listening");
  onTestFinished(() => void server.close());
  await expect(fetchStatus(home)).rejects.toMatchObject({
    code: "FUSTOR_INTERNAL",
    message: `the agent does not answer: the answer is longer than ${MOST_ANSWER_BYTES} bytes`,
  });
  expect(written).toBeLessThan(2 * MOST_ANSWER_BYTES);
});
