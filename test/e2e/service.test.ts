/** The agent as a service of systemd: what it says on the socket of sd_notify(3), read as systemd reads it. */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChild } from "../support/child-process.ts";
import { cliPath } from "../support/cli-path.ts";
import { agentHome, eventually, folder } from "./cli-process.ts";

/** Prints each datagram as a line: the process that the kernel says it is from, and its lines. Node has no such sockets. */
const RECEIVER = `
import json, os, socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + sys.argv[1][1:] if sys.argv[1].startswith("@") else sys.argv[1])
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
print(json.dumps({"bound": True}), flush=True)
while True:
    text, ancillary, _, _ = s.recvmsg(4096, 1024)
    pid = [struct.unpack("3i", data)[0] for _, kind, data in ancillary if kind == socket.SCM_CREDENTIALS]
    print(json.dumps({"pid": pid[0], "lines": text.decode().split("\\n")}), flush=True)
`;

interface Message {
  readonly pid?: number;
  readonly lines?: readonly string[];
}

async function receiverAt(address: string): Promise<() => readonly Message[]> {
  const child = startChild({ command: "python3", args: ["-c", RECEIVER, address] });
  const messages = (): Message[] =>
    child
      .output()
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Message);
  await eventually("the receiver is bound", async () => messages().length > 0);
  return messages;
}

async function home(): Promise<string> {
  const [path, root] = [await agentHome(), await folder()];
  await mkdir(join(root, "d"));
  await writeFile(
    join(path, "agent-config.yaml"),
    `sources: [{id: s, driver: fs, uri: ${JSON.stringify(root)}}]
senders: [{id: e, driver: echo}]
pipes: [{id: p, source: s, sender: e, enabled: true}]
console: {enabled: false}
`,
  );
  return path;
}

const lineOf = (messages: readonly Message[], line: string): Message | undefined =>
  messages.find(({ lines }) => lines?.includes(line));

test.each([
  ["a path", async () => join(await folder(), "notify")],
  ["an abstract name", async () => `@fustor-test-${process.pid}-${Date.now()}`],
])("it says when it is up, that it works, and that it ends, to %s", async (_, addressOf) => {
  const address = await addressOf();
  const messages = await receiverAt(address);
  const env = { FUSTOR_HOME: await home(), NOTIFY_SOCKET: address, WATCHDOG_USEC: "200000", WATCHDOG_PID: undefined };
  const agent = startChild({ command: process.execPath, args: [cliPath(), "start"], env });
  await eventually("it is up", async () => agent.exit() === undefined && lineOf(messages(), "READY=1") !== undefined);
  expect(lineOf(messages(), "READY=1")?.pid).toBe(agent.pid);
  await eventually("the pipe runs", async () => lineOf(messages(), "STATUS=1 pipe: 1 running") !== undefined);
  const signs = () => messages().filter(({ lines }) => lines?.includes("WATCHDOG=1"));
  await eventually("five signs of life", async () => signs().length >= 5);
  expect(signs().every(({ pid }) => pid === agent.pid)).toBe(true);
  expect(await agent.end()).toEqual({ code: 0, signal: null });
  await eventually("it says that it ends", async () => lineOf(messages(), "STOPPING=1") !== undefined);
});

test("without a socket that answers it runs all the same, and says so once", async () => {
  const env = { FUSTOR_HOME: await home(), NOTIFY_SOCKET: join(await folder(), "gone"), WATCHDOG_USEC: "100000" };
  const agent = startChild({ command: process.execPath, args: [cliPath(), "start"], env });
  await eventually("the warning", async () => agent.output().includes("systemd does not hear of the agent"));
  expect(await agent.end()).toEqual({ code: 0, signal: null });
  expect(agent.output().split("systemd does not hear of the agent")).toHaveLength(2);
  expect(existsSync(env.NOTIFY_SOCKET)).toBe(false);
});
