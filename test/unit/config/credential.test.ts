// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the placeholders of the configuration look like this
import { describe, expect, test } from "vitest";
import { formatProblem } from "../../../src/yaml/problem.ts";
import { configOf, dictForm, errorsOf, type Machine, read, warningsOf } from "./reading.ts";

const SECRET = "s3cr3t-T0ken-9f8e7d";

const MACHINE: Machine = {
  variables: { FUSION_KEY: SECRET, EMPTY: "", LINES: `${SECRET}\n${SECRET}` },
  files: {
    "/run/key": { kind: "text", text: `${SECRET}\n`, readableByOthers: false },
    "/run/open": { kind: "text", text: `${SECRET}\r\n`, readableByOthers: true },
    "/run/empty": { kind: "text", text: "\n", readableByOthers: false },
  },
};

const sender = (line: string): string => dictForm({ sender: [line] });

const credentialOf = (line: string) => configOf(sender(line), MACHINE).senders.get("snd-1")?.credential;

describe("forms", () => {
  test.each([
    ["credential: abcdef", { kind: "key", key: "abcdef" }],
    ["credential: {key: abcdef, user: u}", { kind: "key", key: "abcdef", user: "u" }],
    ["credential: {api_key: abcdef}", { kind: "key", key: "abcdef" }],
    ["credential: ${env:FUSION_KEY}", { kind: "key", key: SECRET }],
    ["credential: {key: 'a-${env:FUSION_KEY}-b'}", { kind: "key", key: `a-${SECRET}-b` }],
    ["credential: ${file:/run/key}", { kind: "key", key: SECRET }],
    ["credential: ${file:/run/open}", { kind: "key", key: SECRET }],
    ["credential: ", undefined],
  ])("%j", (line, expected) => {
    expect(credentialOf(line)).toEqual(expected);
  });

  test.each([
    ["credential: {user: u, passwd: p}", { kind: "password", user: "u", password: "p" }],
    ["credential: {user: u, password: p}", { kind: "password", user: "u", password: "p" }],
    ["credential: {user: u}", { kind: "password", user: "u", password: "" }],
  ])("a source's %j", (line, expected) => {
    const text = `sources: {a: {driver: mysql, enabled: false, uri: 'h:1', ${line}}}`;
    expect(configOf(text).sources.get("a")?.credential).toEqual(expected);
  });
});

describe("refusals", () => {
  test.each([
    ["credential: {key: k, passwd: p}", "holds a key and a password"],
    ["credential: {key: k, api_key: k}", "says the same as another member"],
    ["credential: {kye: k}", 'did you mean "key"?'],
    ["credential: {}", "is empty"],
    ["credential: {passwd: p}", "holds a password without a user"],
    ["credential: {user: u, passwd: p}", "Fusion takes a key"],
    ["credential: 12345", "is not text, put the value in quotes"],
    ["credential: [k]", "is a list"],
    ["credential: '  '", "is empty"],
    ["credential: 'a bcdef'", "holds a space"],
    ["credential: abcde", "is too short to be a key"],
    ["credential: ${env:MISSING}", "the environment variable MISSING is not set"],
    ["credential: ${env:EMPTY}", "the environment variable EMPTY is empty"],
    ["credential: ${env:a b}", "names no environment variable"],
    ["credential: '${env:FUSION_KEY'", "without its closing brace"],
    ["credential: ${file:key}", "names no absolute path"],
    ["credential: ${file:/missing}", "the file /missing does not exist"],
    ["credential: ${file:/run/empty}", "the file /run/empty is empty"],
    ["credential: ${env:LINES}", "holds a line break"],
  ])("%j", (line, expected) => {
    const errors = errorsOf(sender(line), MACHINE);
    expect(errors).toEqual([expect.stringContaining(expected)]);
    expect(errors[0]).toMatch(/^a\.yaml:9:\d+ senders\.snd-1\.credential/);
  });
});

describe("warnings", () => {
  test.each([
    "YOUR_API_KEY_HERE",
    "<your key>",
    "changeme",
    "change-me",
    "xxx",
    "XXXXXX",
    "***",
    "todo",
    "replace-this",
  ])("%j looks like a placeholder", (value) => {
    expect(warningsOf(dictForm({ sender: [`uri: http://localhost`, `credential: "${value}"`] })).join()).toContain(
      "looks like a placeholder",
    );
  });

  test.each(["push-key", "xx", "a1b2c3", "sk_live_4242", "adhere1"])("%j does not", (value) => {
    expect(warningsOf(sender(`credential: "${value}"`))).toEqual([]);
  });

  test("a secret file that everybody may read is remarked", () => {
    expect(warningsOf(sender("credential: ${file:/run/open}"), MACHINE)).toEqual([
      expect.stringContaining("the file /run/open can be read by every user of this machine, run: chmod 600 /run/open"),
    ]);
  });

  test("another ${...} stays as it is, with a warning", () => {
    expect(credentialOf("credential: 'a${HOME}b'")).toEqual({ kind: "key", key: "a${HOME}b" });
    expect(warningsOf(sender("credential: 'a${HOME}b'"))).toEqual([expect.stringContaining("is kept as it is")]);
  });

  test("a fusion sender without a credential is remarked", () => {
    expect(warningsOf("senders: {s: {driver: http, uri: http://localhost}}").join()).toContain("has no credential");
  });
});

test("secrets in uris are replaced", () => {
  const text = dictForm({ sender: ["uri: 'https://h/${env:FUSION_KEY}/x'"] });
  expect(configOf(text, MACHINE).senders.get("snd-1")?.uri).toBe(`https://h/${SECRET}/x`);
});

test.each([
  `credential: ${SECRET} extra: x`,
  `credential: *${SECRET}`,
  `credential: &${SECRET}`,
  `credential: !${SECRET} x`,
  `credential: @${SECRET}`,
  `credential: "${SECRET}`,
  `credential: {${SECRET}}`,
  `credential: {${SECRET}: x}`,
  `credential: [${SECRET}]`,
  `credential: {key: ${SECRET}, passwd: ${SECRET}}`,
  `credential: {key: [${SECRET}]}`,
  `credential: {key: {key: ${SECRET}}}`,
  `credential: {key: "${SECRET}\\n"}`,
  `credential: "${SECRET} ü"`,
  `credential: {user: u, passwd: ${SECRET}}`,
  `api_key: ${SECRET}`,
  `password: ${SECRET}`,
  `credentail: ${SECRET}`,
  `credential: "\${env:FUSION_KEY}\${env:MISSING}"`,
  `credential: "\${env:FUSION_KEY} "`,
  `uri: http://u:${SECRET}@h`,
  `uri: http://h?key=${SECRET}`,
  `uri: "\${env:FUSION_KEY}"`,
  `driver_params: {timeout: ${SECRET}}`,
  `\tcredential: ${SECRET}`,
  `credential: |${SECRET}`,
  `credential: >-\n${SECRET}`,
])("no message repeats the secret in %j", (line) => {
  const { errors, warnings } = read(sender(line), MACHINE);
  const told = [...errors, ...warnings].map(formatProblem).join("\n");
  expect(told).not.toBe("");
  expect(told).not.toContain(SECRET);
});
