import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadFusionConfig, parseFusionConfig } from "../../../src/fusion/fusion-config.ts";
import { FustorError } from "../../../src/sdk/errors.ts";

const GOOD = `receivers:
  r:
    api_keys: [{key: k, pipe_id: p}]
views:
  v: {api_keys: [read]}
pipes:
  p: {receiver: r, views: [v]}
`;

const parse = (text: string) => parseFusionConfig([{ file: "f.yaml", text }]);

function problemsOf(...texts: readonly string[]): readonly string[] {
  try {
    parseFusionConfig(texts.map((text, at) => ({ file: `f${at}.yaml`, text })));
  } catch (error) {
    if (error instanceof FustorError && error.code === "FUSTOR_CONFIG_INVALID") return error.message.split("\n");
    throw error;
  }
  return [];
}

describe("a fusion configuration", () => {
  it("fills in loopback, the usual ports and the usual intervals", () => {
    const config = parse(GOOD);
    expect(config).toMatchObject({ host: "127.0.0.1", port: 8101, sessionCleanupSeconds: 5 });
    expect(config.receivers.get("r")).toMatchObject({ host: "127.0.0.1", port: 8102 });
    expect(config.receivers.get("r")?.pipeOfKey.get("k")).toBe("p");
    expect(config.views.get("v")).toMatchObject({ hotFileThresholdSeconds: 30, maxTreeItems: 100_000 });
    expect(config.pipes.get("p")).toEqual({
      id: "p",
      receiver: "r",
      views: ["v"],
      auditIntervalSeconds: 600,
      sentinelIntervalSeconds: 120,
      sessionTimeoutSeconds: 30,
      allowConcurrentPush: true,
    });
  });

  it("names file, line, column, key and a cure for every problem at once", () => {
    const text = `${GOOD.replace("api_keys: [read]", "api_key: [read], driver_params: {max_tree_items: many}")}prt: 5\n`;
    expect(problemsOf(text)).toEqual([
      "f0.yaml:5:40 views.v.driver_params.max_tree_items: invalid input: expected number, received string, correct the value",
      "f0.yaml:5:7 views.v.api_key: is not a known key, did you mean api_keys?",
      "f0.yaml:8:1 prt: is not a known key, did you mean port?",
    ]);
  });

  it("refuses a name that would vanish without a word", () => {
    expect(problemsOf(GOOD.replace("  v:", "  __proto__:"))).toContainEqual(
      expect.stringMatching(/^f0\.yaml:\d+:3 __proto__: is no name that can be used, choose another$/),
    );
  });

  it("refuses a key that reads and writes", () => {
    expect(problemsOf(GOOD.replace("api_keys: [read]", "api_keys: [read, k]"))).toEqual([
      expect.stringContaining("views.v.api_keys[1]: is a push key of receiver r, give readers a key of their own"),
    ]);
  });

  it("says which key is missing and where it belongs", () => {
    expect(problemsOf(GOOD.replace("receiver: r, ", ""))).toEqual(["f0.yaml:7:3 pipes.p.receiver: is missing, add it"]);
  });

  it("refuses references that lead nowhere", () => {
    const text = GOOD.replace("pipe_id: p", "pipe_id: q")
      .replace("receiver: r", "receiver: s")
      .replace("[v]", "[v, w]");
    expect(problemsOf(text)).toEqual([
      "f0.yaml:7:7 pipes.p.receiver: there is no receiver s, name one of receivers",
      "f0.yaml:7:31 pipes.p.views[1]: there is no view w, name one of views",
      "f0.yaml:3:25 receivers.r.api_keys[0].pipe_id: there is no pipe q, name one of pipes",
    ]);
  });

  it("puts several files together, but takes no id and no setting twice", () => {
    const [receivers, rest] = [GOOD.slice(0, GOOD.indexOf("views:")), GOOD.slice(GOOD.indexOf("views:"))];
    expect(problemsOf(receivers, rest)).toEqual([]);
    expect(problemsOf(`port: 1\n${GOOD}`, "port: 2\nviews:\n  v: {}\n")).toEqual([
      "f1.yaml:3:3 views.v: is also in f0.yaml, give one of them another name",
      "f1.yaml:1:1 port: is also in f0.yaml, keep one of them",
    ]);
  });

  it("reports broken YAML with its place", () => {
    expect(problemsOf("views: [a\npipes: {}\n")[0]).toMatch(
      /^f0\.yaml:2:1: the indentation does not fit .+, align the line/,
    );
    expect(problemsOf(`${GOOD}views: {}\n`)).toEqual([
      'f0.yaml:8:1: the key "views" appears twice in one block, keep one of them',
    ]);
  });

  it("takes anchors and merge keys, as the configuration of the agent does", () => {
    const merged = GOOD.replace(
      "{receiver: r, views: [v]}",
      "&p {receiver: r, views: [v]}\n  q: {<<: *p, disabled: true}",
    );
    expect(problemsOf(merged)).toEqual([]);
  });

  it("refuses two listeners on one port", () => {
    expect(problemsOf(`port: 8102\n${GOOD}`)).toEqual([
      "f0.yaml:3:3 receivers.r.port: 8102 is the port of the views, choose another",
    ]);
  });

  it("leaves out what is disabled, and keys of disabled pipes are unknown", () => {
    const config = parse(GOOD.replace("views: [v]", "views: [v], disabled: true"));
    expect(config.pipes.size).toBe(0);
    expect(config.receivers.get("r")?.pipeOfKey.size).toBe(0);
  });
});

describe("loadFusionConfig", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "fustor-fusion-config-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it("reads every YAML file of fusion-config in order of name and nothing else", () => {
    mkdirSync(join(home, "fusion-config"));
    writeFileSync(join(home, "fusion-config", "b.yml"), "port: 9000\n");
    writeFileSync(join(home, "fusion-config", "a.yaml"), GOOD);
    writeFileSync(join(home, "fusion-config", "a.yaml.bak"), "nonsense: [");
    const config = loadFusionConfig(home);
    expect(config.files.map((file) => file.slice(home.length))).toEqual([
      "/fusion-config/a.yaml",
      "/fusion-config/b.yml",
    ]);
    expect(config.port).toBe(9000);
  });

  it("says that there is none when there is none", () => {
    expect(() => loadFusionConfig(home)).toThrow(expect.objectContaining({ code: "FUSTOR_CONFIG_MISSING" }));
  });
});

describe("an address that other machines reach", () => {
  const long = (text: string): string =>
    text.replace("key: k", "key: 0123456789abcdef").replace("[read]", "[fedcba9876543210]");
  const exposed = GOOD.replace("  r:\n", "  r:\n    bind_host: 0.0.0.0\n");

  it.each(["127.0.0.1", "127.0.0.2", "localhost", "::1"])("is not %s, where any key will do", (host) => {
    expect(problemsOf(`host: "${host}"\n${GOOD.replace("  r:\n", `  r:\n    bind_host: "${host}"\n`)}`)).toEqual([]);
  });

  it("takes no push key that can be guessed, and says which command makes a better one", () => {
    expect(problemsOf(exposed)).toEqual([
      "f0.yaml:4:17 receivers.r.api_keys[0].key: is shorter than 16 characters or stands in the documentation, and 0.0.0.0 is reached from other machines, remove it and run: fustor-agent fusion keys create --push p",
    ]);
    expect(problemsOf(long(exposed))).toEqual([]);
    expect(problemsOf(exposed.replace("key: k", "key: YOUR_API_KEY_HERE"))).toHaveLength(1);
    expect(problemsOf(exposed.replace("  r:\n", "  r:\n    disabled: true\n"))).toEqual([]);
  });

  it("takes no read key that can be guessed either", () => {
    expect(problemsOf(`host: "::"\n${GOOD}`)[0]).toMatch(/views\.v\.api_keys\[0\]: .* fusion keys create --read v$/);
    expect(problemsOf(long(`host: "::"\n${GOOD}`))).toEqual([]);
  });
});

describe("TLS", () => {
  const withParams = (params: string): string => GOOD.replace("  r:\n", `  r:\n    driver_params: ${params}\n`);

  it("is a certificate with its key, for the views and for each receiver", () => {
    const { tls, receivers } = parse(`cert_file: /c\nkey_file: /k\n${withParams("{cert_file: /rc, key_file: /rk}")}`);
    expect(tls).toEqual({ certFile: "/c", keyFile: "/k" });
    expect(receivers.get("r")?.tls).toEqual({ certFile: "/rc", keyFile: "/rk" });
    expect(parse(GOOD).tls).toBeUndefined();
    expect(parse(GOOD).receivers.get("r")?.tls).toBeUndefined();
  });

  it.each([
    ["{cert_file: /c}", "receivers.r.driver_params.cert_file: stands without key_file, write both, or none"],
    ["{key_file: /k}", "receivers.r.driver_params.key_file: stands without cert_file, write both, or none"],
    ["{cert_file: c, key_file: /k}", "receivers.r.driver_params.cert_file: is not an absolute path, begin it with /"],
    ["{cert: /c}", "receivers.r.driver_params.cert: is not a known key, remove it"],
  ])("%s is refused", (params, what) => {
    expect(problemsOf(withParams(params)).join("\n")).toContain(what);
  });

  it("of the views wants both files as well", () => {
    expect(problemsOf(`cert_file: /c\n${GOOD}`)).toEqual([
      "f0.yaml:1:1 cert_file: stands without key_file, write both, or none",
    ]);
    expect(problemsOf(`key_file: k\n${GOOD}`)[0]).toContain("key_file: must be an absolute path");
  });
});
