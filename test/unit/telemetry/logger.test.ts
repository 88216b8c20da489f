import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FustorError } from "../../../src/sdk/index.ts";
import { createLogger, type LoggerOptions } from "../../../src/telemetry/logger.ts";

describe("the logger", () => {
  let folder: string;
  let file: string;
  let complaints: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "fustor-log-"));
    file = join(folder, "fustor_agent.log");
    complaints = [];
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const logger = (over: Partial<LoggerOptions> = {}) =>
    createLogger({ level: "info", file, complain: (line) => complaints.push(line), ...over });
  const text = (path = file): string => readFileSync(path, "utf8");
  const lines = (path = file): Record<string, unknown>[] =>
    text(path)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  it("writes one JSON object a line at once, with the time in milliseconds and the level by name", () => {
    logger().info({ rows: 3 }, "pushed");
    expect(text()).toMatch(/^\{[^\n]*\}\n$/);
    expect(lines()).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        pid: process.pid,
        rows: 3,
        msg: "pushed",
      },
    ]);
  });

  it("appends to what is there and makes new files readable by their owner alone", () => {
    logger().info({}, "first run");
    logger().info({}, "second run");
    expect(lines().map((line) => line.msg)).toEqual(["first run", "second run"]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it("leaves out what is below its level", () => {
    const quiet = logger({ level: "warn" });
    quiet.debug({}, "no");
    quiet.info({}, "no");
    quiet.warn({}, "yes");
    quiet.error({}, "yes");
    logger({ level: "debug" }).debug({}, "yes");
    expect(lines().map(({ level, msg }) => `${level} ${msg}`)).toEqual(["warn yes", "error yes", "debug yes"]);
  });

  it("gives the facts of its parents to every entry of a child", () => {
    logger().child({ pipe: "p1" }).child({ sender: "s1" }).info({ rows: 1 }, "x");
    expect(lines()[0]).toMatchObject({ pipe: "p1", sender: "s1", rows: 1 });
  });

  it("never writes a secret, on whatever level of the facts or of a child it stands", () => {
    const secret = "hush-hush";
    const secrets = {
      key: secret,
      apiKey: secret,
      api_key: secret,
      password: secret,
      passwd: secret,
      sessionId: secret,
      session_id: secret,
      "x-api-key": secret,
      credential: { kind: "key", key: secret },
    };
    const error = new FustorError("FUSTOR_INTERNAL", "x", { details: { sessionId: secret } });
    logger().info({ ...secrets, visible: 1 }, "top");
    logger().info({ sender: secrets, request: { headers: secrets, deep: { deeper: secrets } } }, "nested");
    logger().info({ senders: [secrets] }, "listed");
    logger().child(secrets).child({ sender: secrets }).info({}, "child");
    logger().error({ err: error }, "error");
    const address = `db://me:${secret}@host/x?token=${secret}`;
    logger().error({ err: new Error(`no ${address}`), uri: address }, `no connection to ${address}`);
    expect(lines()).toHaveLength(6);
    expect(lines()[0]).toMatchObject({ visible: 1, key: "[redacted]" });
    expect(text()).not.toContain(secret);
  });

  it("tells code, message and causes of an error", () => {
    const cause = new Error("EACCES: permission denied");
    logger().error({ err: new FustorError("FUSTOR_INTERNAL", "cannot save", { cause }) }, "failed");
    expect(lines()[0]).toMatchObject({
      err: { code: "FUSTOR_INTERNAL", message: expect.stringContaining("permission denied") },
    });
  });

  it("goes on in a new file after the old one was moved away and it was told to reopen", () => {
    const log = logger();
    log.info({}, "one");
    renameSync(file, `${file}.1`);
    log.info({}, "two");
    log.reopen();
    log.info({}, "three");
    expect(lines(`${file}.1`).map((line) => line.msg)).toEqual(["one", "two"]);
    expect(lines().map((line) => line.msg)).toEqual(["three"]);
  });

  it("survives a missing folder, complains once, and uses the folder when it is there", () => {
    let now = 0;
    const away = join(folder, "later", "x.log");
    const log = logger({ file: away, now: () => now });
    for (let entry = 0; entry < 5; entry++) log.info({}, "lost");
    expect(complaints).toEqual([
      expect.stringMatching(/^cannot write the log .*x\.log: ENOENT.*; going on without it\n$/),
    ]);
    mkdirSync(join(folder, "later"));
    now = 9_999;
    log.info({}, "still lost");
    expect(existsSync(away)).toBe(false);
    now = 10_000;
    log.info({}, "kept");
    expect(lines(away).map((line) => line.msg)).toEqual(["kept"]);
    expect(complaints).toHaveLength(1);
  });

  it("survives a full disk and complains once", () => {
    const log = logger({ file: "/dev/full" });
    for (let entry = 0; entry < 5; entry++) log.info({}, "lost");
    expect(complaints).toEqual([expect.stringContaining("ENOSPC")]);
    log.reopen();
    log.info({}, "lost");
    expect(complaints).toHaveLength(2);
  });

  it("leaves the mode of a file alone that was there before", () => {
    writeFileSync(file, "");
    chmodSync(file, 0o640);
    logger().info({}, "x");
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it("writes nothing after it was closed", () => {
    const log = logger();
    log.info({}, "one");
    log.close();
    log.close();
    log.info({}, "two");
    expect(lines().map((line) => line.msg)).toEqual(["one"]);
    expect(complaints).toEqual([]);
  });

  it("shows people the compact form and programs the same JSON as the file", () => {
    const people = Object.assign(new PassThrough(), { isTTY: true });
    const later = new PassThrough();
    const programs = new PassThrough();
    logger({ stdout: people }).warn({ pipe: "p1" }, "slow");
    expect(String(people.read())).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}slow pipe=p1\n$/);
    logger({ stdout: later }).warn({ pipe: "p1" }, "slow");
    expect(String(later.read())).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d WARN {2}slow pipe=p1\n$/);
    const before = text().length;
    logger({ stdout: programs, stdoutForm: "json" }).warn({ pipe: "p1" }, "slow");
    expect(String(programs.read())).toBe(text().slice(before));
  });

  it("goes on with the file when the terminal is gone, and says so there once", async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const log = logger({ stdout: gone });
    const failed = new Promise((resolve) => gone.once("error", resolve));
    log.info({}, "one");
    await failed;
    log.info({}, "two");
    expect(lines().map((line) => line.msg)).toEqual(["one", "standard output takes no lines any more", "two"]);
  });

  it("notices within five seconds that its file was moved away or removed, without being told", () => {
    let now = 0;
    const log = logger({ now: () => now });
    log.info({}, "one");
    renameSync(file, `${file}.old`);
    log.info({}, "two");
    now = 5_000;
    log.info({}, "three");
    rmSync(file);
    now = 10_000;
    log.info({}, "four");
    expect(lines(`${file}.old`).map((line) => line.msg)).toEqual(["one", "two"]);
    expect(lines().map((line) => line.msg)).toEqual(["four"]);
    expect(complaints).toEqual([]);
  });

  it("begins a new file before the bound is passed, keeps as many old ones as it is told, and loses no line between", () => {
    const size = (path: string): number => statSync(path).size;
    const log = logger({ bounds: { maxBytes: 1000, keepFiles: 2 } });
    const all = Array.from({ length: 100 }, (_, entry) => `line ${entry}`);
    for (const line of all) log.info({}, line);
    const kept = [`${file}.2`, `${file}.1`, file];
    expect(existsSync(`${file}.3`)).toBe(false);
    for (const path of kept) expect(size(path)).toBeLessThanOrEqual(1000);
    const messages = kept.flatMap((path) => lines(path).map((line) => line.msg));
    expect(messages).toEqual(all.slice(-messages.length));
    expect(messages.length).toBeGreaterThan(10);
    expect(complaints).toEqual([]);
  });

  it("with no old files to keep begins anew", () => {
    const log = logger({ bounds: { maxBytes: 500, keepFiles: 0 } });
    for (let entry = 0; entry < 20; entry++) log.info({}, `line ${entry}`);
    expect(existsSync(`${file}.1`)).toBe(false);
    expect(statSync(file).size).toBeLessThanOrEqual(500);
    expect(lines().at(-1)).toMatchObject({ msg: "line 19" });
  });

  it("goes on in a file that cannot be moved aside", () => {
    const log = logger({ bounds: { maxBytes: 300, keepFiles: 1 } });
    mkdirSync(join(`${file}.1`, "in the way"), { recursive: true });
    for (let entry = 0; entry < 20; entry++) log.info({}, `line ${entry}`);
    expect(lines().map((line) => line.msg)).toEqual(Array.from({ length: 20 }, (_, entry) => `line ${entry}`));
    expect(complaints).toHaveLength(1);
  });

  it("counts what stood in the file before, and what others cut off", () => {
    let now = 0;
    writeFileSync(file, "x".repeat(900));
    const log = logger({ bounds: { maxBytes: 1000, keepFiles: 1 }, now: () => now });
    log.info({}, "a line that makes it too long, whatever else is in it: time, level and number of the process");
    expect(statSync(`${file}.1`).size).toBe(900);
    writeFileSync(file, "");
    now = 5_000;
    for (let entry = 0; entry < 8; entry++) log.info({}, "short");
    expect(statSync(`${file}.1`).size).toBe(900);
  });

  it("follows no link", () => {
    const victim = join(folder, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, file);
    logger().info({}, "x");
    expect(text(victim)).toBe("untouched");
    expect(complaints).toEqual([expect.stringContaining("ELOOP")]);
  });
});
