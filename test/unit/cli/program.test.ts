import { PassThrough, Writable } from "node:stream";
import { expect, test, vi } from "vitest";
import { consoleSettings } from "../../../src/cli/console-settings.ts";
import { EXIT, exitCodeOf } from "../../../src/cli/exit-codes.ts";
import { runProgram } from "../../../src/cli/program.ts";
import { Terminal } from "../../../src/cli/terminal.ts";
import { FustorError, type FustorErrorCode } from "../../../src/sdk/index.ts";

async function run(...args: string[]) {
  const stderr: string[] = [];
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => stderr.push(String(text)) > 0);
  const out = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  try {
    return {
      code: await runProgram(args, new Terminal(new PassThrough(), new PassThrough())),
      stderr: stderr.join(""),
    };
  } finally {
    spy.mockRestore();
    out.mockRestore();
  }
}

test.each([
  [["strat"], "did you mean start"],
  [["status", "--jsn"], "did you mean --json"],
  [["watch"], "missing required argument"],
  [["scan", "/", "--threads", "many"], "number from 0 to 256"],
  [["stop", "p1", "now"], "too many arguments"],
])("%j is a usage error on one line that says %s", async (args, hint) => {
  const { code, stderr } = await run(...args);
  expect(code).toBe(64);
  expect(stderr.toLowerCase()).toContain(hint);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("no command at all is a usage error and shows the commands", async () => {
  const { code, stderr } = await run();
  expect(code).toBe(64);
  expect(stderr).toContain("validate");
});

test.each([[["--help"]], [["--version"]], [["start", "--help"]]])("%j is done well", async (args) => {
  expect((await run(...args)).code).toBe(0);
});

test.each<[FustorErrorCode, number]>([
  ["FUSTOR_CONFIG_INVALID", 78],
  ["FUSTOR_CONFIG_MISSING", 78],
  ["FUSTOR_AGENT_RUNNING", 75],
  ["FUSTOR_AGENT_STOPPED", 3],
  ["FUSTOR_SOURCE_UNAVAILABLE", 1],
])("%s ends with exit code %d", (code, exitCode) => {
  expect(exitCodeOf(new FustorError(code, "x"))).toBe(exitCode);
});

test("an error of the runtime is a failure", () => {
  expect(exitCodeOf(new TypeError("x"))).toBe(EXIT.failure);
});

test("a reader that went away closes the terminal quietly and later writes end at once", async () => {
  const broken = new Writable({
    write: (_chunk, _encoding, done) => done(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })),
  });
  const terminal = new Terminal(broken, new PassThrough());
  await terminal.line("first");
  await vi.waitFor(() => expect(terminal.closed.aborted).toBe(true));
  await terminal.line("second");
});

test("a write resolves only when the stream took it", async () => {
  let release: () => void = () => undefined;
  const slow = new Writable({
    write: (_chunk, _encoding, done) => {
      release = done;
    },
  });
  const written = new Terminal(slow, new PassThrough()).line("x");
  const first = await Promise.race([
    written.then(() => "written"),
    new Promise((resolve) => setImmediate(resolve, "waiting")),
  ]);
  expect(first).toBe("waiting");
  release();
  await written;
});

test.each([["80x"], ["-1"], ["65536"], ["8100.5"]])("FUSTOR_CONSOLE_PORT=%s is refused", (text) => {
  expect(() =>
    consoleSettings({ enabled: true, host: "localhost", maxBacklogAgeMs: 1 }, { FUSTOR_CONSOLE_PORT: text }),
  ).toThrow(/FUSTOR_CONSOLE_PORT/);
});

test("FUSTOR_CONSOLE_PORT wins over the configuration, and 0 is no page", () => {
  const configured = { enabled: true, host: "::1", port: 7000, maxBacklogAgeMs: 1 };
  const settings = (text?: string, enabled = true) =>
    consoleSettings({ ...configured, enabled }, { FUSTOR_CONSOLE_PORT: text });
  expect(settings()).toEqual(configured);
  expect(settings("")).toEqual(configured);
  expect(settings("9000")).toEqual({ ...configured, port: 9000 });
  expect(settings("0")).toBeUndefined();
  expect(settings(undefined, false)).toBeUndefined();
  expect(settings("9000", false)).toMatchObject({ port: 9000 });
});
