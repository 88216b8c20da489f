// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { describe, expect, test } from "vitest";
import { SAMPLE_CONFIG } from "../../../src/config/sample.ts";
import { fsParams } from "../../../src/sources/fs/fs-params.ts";
import { configOf, dictForm, errorsOf, read, warningsOf } from "./reading.ts";

const README = `sources:
  - id: "my-local-files"       # 唯一 ID
    type: "fs"                 # 驱动类型
    config:
      uri: "/data/research"    # 监控的绝对路径
      driver_params:
        # 可选：文件过滤模式
        file_pattern: "*"      

senders:
  - id: "to-fusion"            # 唯一 ID
    type: "fusion"             # 驱动类型
    config:
      # Fusion 服务的 Ingest API 基准地址
      endpoint: "http://localhost:8102"
      # 从 Fusion 管理员处获取的 API Key，用于鉴权
      credential: "YOUR_API_KEY_HERE"

pipes:
  - id: "phase-files-to-fusion"
    source_id: "my-local-files"
    sender_id: "to-fusion"
    enabled: true              # 设置为 true 以自动启动
`;

describe("the customer's readme", () => {
  test("its three blocks load as one file and only the placeholder key is remarked", () => {
    expect(warningsOf(README)).toEqual([
      "a.yaml:17:7 senders[0].config.credential: looks like a placeholder, put the real value there, best as ${env:NAME} or ${file:/path}",
    ]);
    const config = configOf(README);
    expect(config.sources.get("my-local-files")).toMatchObject({
      driver: "fs",
      uri: "/data/research",
      driverParams: { file_pattern: "*" },
      maxQueueEvents: 100_000,
      maxQueueBytes: 64 * 1024 * 1024,
      disabled: false,
    });
    expect(config.senders.get("to-fusion")).toMatchObject({
      driver: "fusion",
      uri: "http://localhost:8102",
      credential: { kind: "key", key: "YOUR_API_KEY_HERE" },
    });
    expect(config.pipes.get("phase-files-to-fusion")).toMatchObject({
      source: "my-local-files",
      sender: "to-fusion",
      enabled: true,
      form: "list",
      origin: { file: "a.yaml", line: 20, column: 5 },
    });
  });

  test("each block may stand in a file of its own", () => {
    const [sources = "", senders = "", pipes = ""] = README.split("\n\n");
    expect([...configOf({ "1.yaml": sources, "2.yaml": senders, "3.yaml": pipes }).pipes.keys()]).toHaveLength(1);
  });
});

describe("the dict form", () => {
  test("the file of the Python agent loads without a remark", () => {
    const text = `sources:
  src-1:
    driver: fs
    uri: /some/tree
    driver_params: {}
senders:
  snd-1:
    driver: fusion
    uri: http://127.0.0.1:18888
    credential: {key: push-key}
    driver_params: {}
pipes:
  pipe-1:
    source: src-1
    sender: snd-1
`;
    expect(warningsOf(text)).toEqual([]);
    expect(configOf(text).pipes.get("pipe-1")).toMatchObject({ enabled: true, form: "dict", fieldsMapping: [] });
  });

  test("pipes have the defaults of the Python agent", () => {
    expect(configOf(dictForm()).pipes.get("pipe-1")).toMatchObject({
      auditIntervalMs: 600_000,
      sentinelIntervalMs: 120_000,
      errorRetryIntervalMs: 5000,
      maxConsecutiveErrors: 5,
      backoffMultiplier: 2,
      maxBackoffMs: 60_000,
    });
    expect(configOf(dictForm()).pipes.get("pipe-1")).not.toHaveProperty("sessionTimeoutSeconds");
  });

  test("anchors, merge keys, yes and quoted numbers are read as Python reads them", () => {
    const text = `x: &x 1
`;
    expect(errorsOf(text)[0]).toContain("a.yaml:1:1 x: is not a known key");
    const merged = dictForm({ source: ["<<: {max_queue_size: '7', disabled: yes, uri: /other}"] });
    expect(configOf(merged).sources.get("src-1")).toMatchObject({
      maxQueueEvents: 7,
      disabled: true,
      uri: "/some/tree",
    });
    const aliased = "sources:\n  a: &a {driver: fs, uri: /a}\n  b: {<<: *a, uri: /b}\n";
    expect(configOf(aliased).sources.get("b")).toMatchObject({ driver: "fs", uri: "/b" });
  });
});

test("the sample that init writes loads with nothing but its placeholder remarked", () => {
  expect(warningsOf(SAMPLE_CONFIG)).toEqual([expect.stringContaining("looks like a placeholder")]);
  expect([...configOf(SAMPLE_CONFIG).pipes.values()].map((pipe) => pipe.enabled)).toEqual([true]);
});

test("the sample's commented lines are valid when they are switched on", () => {
  const text = SAMPLE_CONFIG.replaceAll(/^( *)# ?( *)(\S+: .*|driver_params:|logging:)$/gm, "$1$2$3");
  expect(text).not.toBe(SAMPLE_CONFIG);
  expect(text).toMatch(/^ +ca_file:/m);
  expect(errorsOf(text)).toEqual([]);
});

test("every problem of every file is told at once, in the order of the files and lines", () => {
  const errors = errorsOf({
    "a.yaml": "sources:\n  a: {driver: fs, uri: rel}\n  b: {driver: fs}\n",
    "b.yaml": "senders: [}\n",
    "c.yaml": "pipes:\n  p: {source: a, sender: nope, batch_size: 0}\n",
  });
  expect(errors.map((line) => line.slice(0, line.indexOf(": ")))).toEqual([
    "a.yaml:2:19 sources.a.uri",
    "a.yaml:3:3 sources.b",
    expect.stringMatching(/^b\.yaml:1:\d+$/),
    "c.yaml:2:32 pipes.p.batch_size",
  ]);
});

describe("keys", () => {
  test.each([
    ["pipes:\n  p: {sorce: a}\n", 'a.yaml:2:7 pipes.p.sorce: is not a known key, did you mean "source"?'],
    ["source:\n  a: {}\n", 'a.yaml:1:1 source: is not a known key, did you mean "sources"?'],
    ["Senders: []\n", 'did you mean "senders"?'],
    ["sources:\n  a: {driver: fs, uri: /a, driver_params: {file_patern: x}}\n", 'did you mean "file_pattern"?'],
    ["sources:\n  a: {driver: fs, uri: /a, file_pattern: x}\n", "does not belong here, move it below driver_params"],
    ["sources:\n  a: {driver: fs, uri: /a, driver_params: {max_queue_size: 5}}\n", "move it up, beside driver_params"],
    ["senders:\n  s: {driver: fusion, uri: http://h, api_key: k}\n", "does not belong here, move it below credential"],
    [
      "pipes:\n  p: {source: a, source_id: b, sender: c}\n",
      'says the same thing as "source" (line 2), keep one of them',
    ],
    ["pipes:\n  - id: p\n    config: [x]\n", "a.yaml:3:5 pipes[0].config: is not a block of keys"],
    ["sources: 5\n", "a.yaml:1:1 sources: is no list of entries"],
    ["- a\n", "a.yaml:1:1: holds no keys"],
  ])("%j is refused with the cure", (text, expected) => {
    expect(errorsOf(text).join("\n")).toContain(expected);
  });

  test("parameters of a driver that is not ours are free", () => {
    const config = configOf(
      "sources:\n  db: {driver: mysql, enabled: false, uri: 'db:3306', driver_params: {anything: [1], file_patern: 2}}\n",
    );
    expect(config.sources.get("db")?.driverParams).toEqual({ anything: [1], file_patern: 2 });
  });

  test("keys without effect are named, with what does the work, and leave the value out", () => {
    const text = dictForm({
      source: ["max_retries: 3", "driver_params: {max_sync_delay_seconds: 5, file_pattern: '*.c'}"],
      pipe: ["audit_interval_sec: 30"],
      top: ["logging: {level: DEBUG, format: '%(message)s'}"],
    });
    const warnings = warningsOf(text);
    expect(warnings.map((line) => line.split(": ")[0])).toEqual([
      "a.yaml:5:5 sources.src-1.max_retries",
      "a.yaml:6:21 sources.src-1.driver_params.max_sync_delay_seconds",
      "a.yaml:17:25 logging.format",
    ]);
    expect(configOf(text).sources.get("src-1")?.driverParams).toEqual(fsParams.parse({ file_pattern: "*.c" }));
    expect(configOf(text).pipes.get("pipe-1")?.auditIntervalMs).toBe(30_000);
    expect(configOf(text).logging.level).toBe("debug");
  });

  test("the older names pushers, syncs and pusher are taken with a note", () => {
    const text =
      "sources: {a: {driver: fs, uri: /a}}\npushers: {b: {driver: echo}}\nsyncs: {c: {source: a, pusher: b}}\n";
    expect(configOf(text).pipes.get("c")).toMatchObject({ source: "a", sender: "b" });
    expect(warningsOf(text)).toHaveLength(3);
    expect(warningsOf(text)[0]).toContain('is an older spelling of "senders"');
  });
});

describe("ids and references", () => {
  test("an id that is used twice is refused with both places, also across files and forms", () => {
    expect(
      errorsOf({
        "a.yaml": "sources:\n  x: {driver: fs, uri: /a}\n",
        "b.yaml": "sources:\n  - {id: x, type: fs, uri: /b}\n",
      }),
    ).toEqual(['b.yaml:2:5 sources[0]: the id "x" is taken by sources.x at a.yaml:2:3, rename or remove one of them']);
  });

  test.each(["a/b", "a b", "", ".", "..", "a\\nb", "x".repeat(201)])("the id %j is refused", (id) => {
    expect(errorsOf(`sources:\n  "${id}": {driver: fs, uri: /a}\n`)).toHaveLength(1);
  });

  test.each(["Upper", "a:b", "ä", "_x", "x".repeat(65)])("the id %j works with a warning", (id) => {
    const text = `sources:\n  "${id}": {driver: fs, uri: /a}\n`;
    expect(configOf(text).sources.has(id)).toBe(true);
    expect(warningsOf(text).join()).toContain("is no plain id");
  });

  test("a reference to an unknown source names the known ones and the nearest", () => {
    const text = dictForm({ top: ["  other: {source: scr-1, sender: snd-1}"] });
    expect(errorsOf(text)).toEqual([
      'a.yaml:14:11 pipes.other.source: refers to the unknown source "scr-1", did you mean "src-1"? Known sources: src-1',
    ]);
  });

  test("a source that is itself wrong counts as known", () => {
    expect(errorsOf(dictForm({ source: ["max_queue_size: 0"] }))).toHaveLength(1);
  });

  test("a pipe without source or sender is told what is missing", () => {
    expect(errorsOf("pipes:\n  - id: p\n")).toEqual([
      'a.yaml:2:5 pipes[0]: "source" is missing, add source: ...',
      'a.yaml:2:5 pipes[0]: "sender" is missing, add sender: ...',
    ]);
  });

  test.each([
    ["sources: {a: {uri: /a}}", '"driver" is missing'],
    ["sources: {a: {driver: fs}}", '"uri" is missing'],
    ["sources: {a: {driver: fs, uri: }}", "has no value"],
    ["senders: {a: {driver: fusion}}", '"uri" is missing'],
    ["senders: [{type: fusion, uri: http://h}]", '"id" is missing'],
    ["senders: [{id: 5, type: fusion, uri: http://h}]", "put the id in quotes"],
    ["senders: {a: {driver: 5, uri: http://h}}", "is no driver's name"],
  ])("%j lacks something", (text, expected) => {
    expect(errorsOf(text).join("\n")).toContain(expected);
  });

  test.each([
    ["senders: {a: {driver: fusoin, uri: x}}", 'there is no sender driver "fusoin", did you mean "fusion"?'],
    [
      "sources: {a: {driver: mysql, uri: x}}",
      'there is no source driver "mysql", write one of fs, or set enabled: false',
    ],
  ])("%j names a driver that a start would refuse", (text, expected) => {
    expect(errorsOf(text).join()).toContain(expected);
  });

  test("an entry that is switched off may name a driver that is not there", () => {
    const text = "sources: {a: {driver: mysql, uri: x, enabled: false}}";
    expect(errorsOf(text)).toEqual([]);
    expect(warningsOf(text).join()).toContain('there is no source driver "mysql"');
  });
});

describe("enabled and disabled", () => {
  const listPipe = (line: string): string =>
    `sources: [{id: a, type: fs, uri: /a}]\nsenders: [{id: b, type: echo}]\npipes:\n  - id: p\n    source: a\n    sender: b\n    ${line}\n`;

  test.each([
    [listPipe(""), false],
    [listPipe("enabled: true"), true],
    [listPipe("disabled: false"), true],
    [listPipe("enabled: off"), false],
    [dictForm(), true],
    [dictForm({ pipe: ["disabled: true"] }), false],
    [dictForm({ pipe: ["enabled: false"] }), false],
    [dictForm({ pipe: ["enabled: false", "disabled: true"] }), false],
  ])("%j", (text, enabled) => {
    expect([...configOf(text).pipes.values()][0]?.enabled).toBe(enabled);
  });

  test("contradicting switches are refused", () => {
    expect(errorsOf(dictForm({ pipe: ["enabled: true", "disabled: true"] }))[0]).toContain('contradicts "enabled"');
  });

  test("a source of the list form is in use unless it is disabled", () => {
    expect(configOf(listPipe("")).sources.get("a")?.disabled).toBe(false);
  });
});

describe("values", () => {
  test.each([
    ["batch_size: 0", "is not a whole number, write one from 1 to 100000"],
    ["batch_size: 1.5", "is not a whole number"],
    ["error_retry_interval: 0", "write seconds above 0"],
    ["audit_interval_sec: -1", "write seconds, 0 turns it off"],
    ["audit_interval_sec: 10m", "is not a number of seconds"],
    ["audit_interval_sec: .nan", "is not a number of seconds"],
    ["max_backoff_seconds: .inf", "is not a number of seconds"],
    ["backoff_multiplier: 0.5", "is below 1"],
    ["enabled: 1", "is neither true nor false"],
    ["session_timeout_seconds: 0", "write seconds above 0"],
  ])("pipe with %j is refused at the value's key", (line, expected) => {
    const [error, ...more] = errorsOf(dictForm({ pipe: [line] }));
    expect(more).toEqual([]);
    expect(error).toContain(`a.yaml:14:5 pipes.pipe-1.${line.split(":")[0]}: `);
    expect(error).toContain(expected);
  });

  test("a fractional session timeout is rounded up with a warning", () => {
    const text = dictForm({ pipe: ["session_timeout_seconds: 2.5"] });
    expect(configOf(text).pipes.get("pipe-1")?.sessionTimeoutSeconds).toBe(3);
    expect(warningsOf(text)).toEqual([expect.stringContaining("3 is used")]);
  });

  test("intervals may be fractions, and a tiny one is not off", () => {
    const pipe = configOf(
      dictForm({ pipe: ["audit_interval_sec: 0.0001", "sentinel_interval_sec: 0", "batch_size: 7"] }),
    ).pipes;
    expect(pipe.get("pipe-1")).toMatchObject({ auditIntervalMs: 1, sentinelIntervalMs: 0, batchEvents: 7 });
  });

  test("timeout_sec counts, and driver_params.timeout wins over it", () => {
    expect(configOf(dictForm()).senders.get("snd-1")?.timeoutMs).toBe(30_000);
    expect(configOf(dictForm({ sender: ["timeout_sec: 2.5"] })).senders.get("snd-1")?.timeoutMs).toBe(2500);
    const both = dictForm({ sender: ["timeout_sec: 2", "driver_params: {timeout: '4', batch_bytes: 10, gzip: no}"] });
    expect(configOf(both).senders.get("snd-1")).toMatchObject({
      timeoutMs: 4000,
      batchBytes: 10,
      driverParams: { timeout: 4, gzip: "never" },
    });
    expect(warningsOf(both)).toEqual([expect.stringContaining("is overridden by senders.snd-1.driver_params.timeout")]);
  });

  test("fs_scan_workers is the default of fs sources that say nothing themselves", () => {
    const source = (text: string) => configOf(text).sources.get("src-1")?.driverParams;
    const workers = (max_scan_workers: number) => fsParams.parse({ max_scan_workers });
    const own = ["driver_params: {max_scan_workers: 2}"];
    expect(source(dictForm({ top: ["fs_scan_workers: 3"] }))).toEqual(workers(3));
    expect(source(dictForm({ source: own, top: ["fs_scan_workers: 3"] }))).toEqual(workers(2));
    expect(source(dictForm())).toEqual(workers(0));
    expect(errorsOf(dictForm({ top: ["fs_scan_workers: 257"] }))).toEqual([
      expect.stringMatching(/^a\.yaml:14:1 fs_scan_workers: is not a whole number, write one from 0 to 256$/),
    ]);
  });

  test.each([
    ["logging: DEBUG", "debug", "/home/x/.fustor"],
    ["logging: {level: WARNING, dir: /var/log/fustor}", "warn", "/var/log/fustor"],
    ["logging: {dir: logs}", "info", "/home/x/.fustor/logs"],
    ["", "info", "/home/x/.fustor"],
  ])("%j sets level and place of the log", (line, level, dir) => {
    expect(configOf(dictForm({ top: [line] })).logging).toMatchObject({ level, dir });
  });

  test("the log is bounded unless told otherwise", () => {
    const loggingOf = (line: string) => configOf(dictForm({ top: [line] })).logging;
    expect(loggingOf("")).toMatchObject({ maxBytes: 64 * 1024 * 1024, keepFiles: 4, stdout: "text" });
    expect(loggingOf("logging: {max_bytes: 0, keep_files: 9, stdout: json}")).toMatchObject({
      maxBytes: 0,
      keepFiles: 9,
      stdout: "json",
    });
    expect(errorsOf({ "a.yaml": dictForm({ top: ["logging: {stdout: xml, keep_files: -1}"] }) })).toEqual([
      expect.stringContaining("logging.stdout: is no form of lines, write text or json"),
      expect.stringContaining("logging.keep_files: "),
    ]);
  });

  test("settings of two files may agree but not differ", () => {
    const other = (level: string) => ({
      "a.yaml": dictForm({ top: ["logging: info"] }),
      "b.yaml": `logging: ${level}\n`,
    });
    expect(errorsOf(other("info"))).toEqual([]);
    expect(errorsOf(other("debug"))).toEqual([
      "b.yaml:1:1 logging: differs from the one at a.yaml:14:1, keep one of them",
    ]);
  });

  test("the agent's id is taken from agent_id when it is usable", () => {
    expect(configOf(dictForm({ top: ["agent_id: host-7"] })).agentId).toBe("host-7");
    expect(errorsOf(dictForm({ top: ["agent_id: a/b"] }))).toHaveLength(1);
  });
});

describe("uris", () => {
  test.each([
    ["/a/b/", "/a/b"],
    ["/", "/"],
    ["file:///a/b%20c/", "/a/b c"],
  ])("the fs root %j is the path %j", (uri, path) => {
    expect(configOf(dictForm({ source: [`uri: "${uri}"`] })).sources.get("src-1")?.uri).toBe(path);
  });

  test.each([
    ["data", "is a relative path"],
    ["./data", "is a relative path"],
    ["~/data", "begins with ~"],
    ["file://host/data", "is no file:// URI"],
    ["http://host/data", "is no directory"],
  ])("the fs root %j is refused", (uri, expected) => {
    expect(errorsOf(dictForm({ source: [`uri: "${uri}"`] }))).toEqual([expect.stringContaining(expected)]);
  });

  test.each([
    ["http://localhost:8102/", "http://localhost:8102"],
    ["https://h/fusion//", "https://h/fusion"],
    ["HTTP://127.0.0.1:80", "http://127.0.0.1"],
  ])("the endpoint %j becomes %j", (uri, base) => {
    expect(configOf(dictForm({ sender: [`uri: "${uri}"`] })).senders.get("snd-1")?.uri).toBe(base);
  });

  test.each([
    ["localhost:8102", "is no http or https URL"],
    ["ftp://h", "is no http or https URL"],
    ["http:h", "is no http or https URL"],
    ["http://u:p@h", "holds a user or password, move it to credential"],
    ["http://h/?a=b", "holds a query or fragment"],
    ["http://h/#", "holds a query or fragment"],
  ])("the endpoint %j is refused", (uri, expected) => {
    expect(errorsOf(dictForm({ sender: [`uri: "${uri}"`] }))).toEqual([expect.stringContaining(expected)]);
  });

  test.each([
    ["http://fusion.example:8102", true],
    ["https://fusion.example:8102", false],
    ["http://127.9.9.9", false],
    ["http://[::1]:8102", false],
    ["http://127.0.0.1.example", true],
  ])("a key to %j is remarked: %j", (uri, remarked) => {
    const warnings = warningsOf(dictForm({ sender: [`uri: "${uri}"`] }));
    expect(warnings.some((line) => line.includes("plain http"))).toBe(remarked);
  });

  test("echo needs no address", () => {
    expect(configOf("senders: {e: {driver: echo}}").senders.get("e")?.uri).toBe("echo:");
  });
});

test("a configuration without pipes is valid and remarked", () => {
  expect(warningsOf("# nothing\n")).toEqual([expect.stringContaining("no pipe is defined")]);
  expect(read("").errors).toEqual([]);
});

describe("console", () => {
  const base = "sources: []\nsenders: []\npipes: []\n";

  test("is on loopback, on whichever port is free, unless told otherwise", () => {
    expect(configOf(base).console).toEqual({ enabled: true, host: "localhost", maxBacklogAgeMs: 60_000 });
    expect(configOf(`${base}console: {port: "9000", host: "::1"}\n`).console).toEqual({
      enabled: true,
      host: "::1",
      port: 9000,
      maxBacklogAgeMs: 60_000,
    });
    expect(configOf(`${base}console: {enabled: no}\n`).console).toMatchObject({ enabled: false });
  });

  test("may have a token that stays, and its own idea of what is late", () => {
    const written = 'console: {token: "sixteen-letters!", max_backlog_age_sec: 5}';
    expect(configOf(`${base}${written}\n`).console).toMatchObject({
      token: "sixteen-letters!",
      maxBacklogAgeMs: 5000,
    });
  });

  test.each([
    ["console: 8100", "console: is not a block of keys, write enabled, host or port below it, indented"],
    ["console: {port: 0}", "console.port: is not a whole number, write one from 1 to 65535"],
    ["console: {host: my host}", "console.host: is no address of this machine, write localhost or an IP address"],
    ["console: {prt: 1}", "console.prt: is not a known key"],
    ["console: {token: short}", "console.token: can be guessed, or holds a space, write at least 16 letters"],
    ["console: {token: 12}", "console.token: is not text"],
    ["console: {max_backlog_age_sec: 0}", "console.max_backlog_age_sec: "],
  ])("%j is refused", (line, problem) => {
    expect(errorsOf(`${base}${line}\n`).join("\n")).toContain(problem);
  });
});
