import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { AgentStatus, PipeReport } from "../../../src/agent/agent-status.ts";
import { demoDirectory } from "../../../src/cli/commands/demo.ts";
import { curlLine, type DemoMoment, demoLine, keptMountLine, keptMounts } from "../../../src/cli/demo-lines.ts";
import { StatusLine } from "../../../src/cli/status-line.ts";
import { Terminal } from "../../../src/cli/terminal.ts";
import { examplePipe, exampleStatus } from "../console/example-status.ts";

const moment = (
  pipe: Partial<PipeReport>,
  more: Partial<DemoMoment> = {},
  status: Partial<AgentStatus> = {},
): DemoMoment => ({
  status: { ...exampleStatus, pipes: [{ ...examplePipe, ...pipe }], sources: [], ...status },
  viewReady: true,
  viewEntries: 12_345,
  elapsedMs: 2000,
  ...more,
});

test("a live pipe shows its role, the entries of the view, its events and its lag", () => {
  const line = demoLine(moment({}));
  expect(line).toBe("live  leader  12,345 entries  8,731 events  lag 14 ms");
});

test("a live pipe whose source keeps what lost mounts held says how many, and each once by name", () => {
  const status = { availability: { state: "available" }, lostMounts: ["/m\n", "/n"] } as const;
  const kept = moment({}, {}, { sources: [{ ids: ["s"], driver: "fs", uri: "/", status }] });
  expect(demoLine(kept)).toBe("live  leader  12,345 entries  8,731 events  lag 14 ms  2 lost mounts kept");
  expect(keptMounts(kept.status)).toEqual(["/m\n", "/n"]);
  expect(keptMountLine("/m\n")).toMatch(/^Kept {5}\/m\\x0a: what was mounted there is gone or replaced/);
});

test("until the view is ready the snapshot's progress is shown, also when the last row was sent", () => {
  const pipe = {
    snapshot: "running",
    rowsSent: { message: 0, snapshot: 500, audit: 0, on_demand_job: 0 },
    snapshotExpectedRows: 1000,
  } as const;
  expect(demoLine(moment(pipe))).toBe("snapshot  500 rows of about 1,000, 250 rows/s");
  expect(demoLine(moment({}, { viewReady: false }))).toContain("snapshot");
});

test("a pipe that waits says for what, without control characters of a name", () => {
  expect(demoLine(moment({ state: "waiting_for_source", info: "no /x\u001b[2J" }))).toBe(
    "waiting for source  no /x\\x1b[2J",
  );
});

test("a source that is starting shows how far it is", () => {
  const status = { availability: { state: "starting" }, entries: 77 } as const;
  const line = demoLine(moment({}, {}, { sources: [{ ids: ["s"], driver: "fs", uri: "/", status }] }));
  expect(line).toBe("looking  77 entries so far");
});

test("the curl line survives a quote in the address", () => {
  expect(curlLine("http://h/?a='b'", "k")).toBe(`curl -s -H 'X-API-Key: k' 'http://h/?a='\\''b'\\'''`);
});

test("a directory is relative to where the user stands when npm runs the script, and to the current one otherwise", () => {
  const byNpm = { INIT_CWD: "/home/me", npm_package_json: "/checkout/package.json" };
  expect(demoDirectory("data", byNpm, "/checkout")).toBe("/home/me/data");
  expect(demoDirectory(undefined, byNpm, "/checkout")).toBe("/checkout");
  expect(demoDirectory("/abs", byNpm, "/checkout")).toBe("/abs");
  expect(demoDirectory("data", byNpm, "/elsewhere")).toBe("/elsewhere/data");
  expect(demoDirectory("data", {}, "/checkout")).toBe("/checkout/data");
});

async function written(isTTY: boolean, act: (line: StatusLine) => Promise<void>): Promise<string> {
  const out = Object.assign(new PassThrough(), { isTTY, columns: 40 });
  await act(new StatusLine(new Terminal(out, new PassThrough())));
  return String(out.read() ?? "");
}

test("without a terminal each new state is a plain line and an unchanged one is none", async () => {
  const text = await written(false, async (line) => {
    await line.show("one");
    await line.show("one");
    await line.above("note");
    await line.show("two");
    await line.end();
  });
  expect(text).toBe("one\nnote\ntwo\n");
});

test("on a terminal the line is rewritten, cut to the width, and comes back below what is printed above it", async () => {
  const long = "x".repeat(100);
  const text = await written(true, async (line) => {
    await line.show(long);
    await line.above("note");
    await line.end();
  });
  const cut = "x".repeat(39);
  expect(text).toBe(`\r\u001b[2K${cut}\r\u001b[2Knote\n${cut}\n`);
});
