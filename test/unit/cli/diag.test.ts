import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Redactor } from "../../../src/cli/diag/redaction.ts";
import { tarGz } from "../../../src/cli/diag/tar.ts";
import { createTempFolder, removeTempFolders } from "../../support/temp-tree.ts";

afterEach(removeTempFolders);

const SECRET = "push-s3cret-0123";
const redactor = (names: boolean): Redactor =>
  new Redactor({ secrets: [SECRET], known: ["/data", "/h/agent-config.yaml"], roots: ["/data", "/usr/srv"], names });

test("tar unpacks what was packed, whole blocks and texts beyond ASCII included", () => {
  const folder = createTempFolder("tar");
  const files = [
    { name: "a.json", text: "x".repeat(512) },
    { name: "empty", text: "" },
    { name: "b.txt", text: "größer\n".repeat(1000) },
  ];
  writeFileSync(join(folder, "x.tar.gz"), tarGz(files, new Date(1_790_000_000_000)));
  expect(execFileSync("tar", ["tzf", "x.tar.gz"], { cwd: folder, encoding: "utf8" }).trim().split("\n")).toEqual(
    files.map(({ name }) => name),
  );
  for (const { name, text } of files) {
    expect(execFileSync("tar", ["xzfO", "x.tar.gz", name], { cwd: folder, encoding: "utf8" })).toBe(text);
  }
});

describe("without --names", () => {
  test.each([
    [
      "12 directories cannot be read (EACCES), for example /d/my secret (2), file.txt",
      "12 directories cannot be read (EACCES), for example [name]",
    ],
    ["/data: another directory stands there", "/data: another directory stands there"],
    ["/usr/srv/x y, /usr/lib", "[name]"],
    ["/usr/lib/node, /usr/srv", "/usr/lib/node, /usr/srv"],
    ["/data/x y has not answered for 12 s", "[name]"],
    ['looked at "/a b"', 'looked at "[name]'],
    ["server:/export/home", "server:[name]"],
    ["/h/agent-config.yaml:7:3 key: wrong", "/h/agent-config.yaml:7:3 key: wrong"],
    [
      "cannot reach http://localhost:8102/api/v1: 12 rows/s, 1/2 of /proc/sys/fs",
      "cannot reach http://localhost:8102/api/v1: 12 rows/s, 1/2 of /proc/sys/fs",
    ],
  ])("%j becomes %j", (text, shown) => {
    expect(redactor(false).text(text)).toBe(shown);
  });

  test("members that hold names lose them, and counts stay", () => {
    const status = { unwatched: { budget: { count: 3, examples: ["/a", "b"] } }, uri: "/data", note: "/data/a" };
    expect(redactor(false).value(status)).toEqual({
      unwatched: { budget: { count: 3, examples: ["[name]", "[name]"] } },
      uri: "/data",
      note: "[name]",
    });
  });

  test("a value beside its place is one of the key above both", () => {
    const config = { exclude: { value: ["patient-*.doc"], from: "/h/agent-config.yaml:7" } };
    expect(redactor(false).value(config)).toEqual({
      exclude: { value: ["[name]"], from: "/h/agent-config.yaml:7" },
    });
    expect(redactor(true).value(config)).toEqual(config);
  });

  test("a line of the log keeps what holds no names", () => {
    const line = {
      time: "2026-01-01T00:00:00Z",
      level: "warn",
      msg: "refused",
      pipe: "p",
      rows: 3,
      what: "a name",
      err: { code: "EACCES", message: "open /x", stack: "at x" },
    };
    expect(JSON.parse(redactor(false).logLine(JSON.stringify(line)))).toEqual({
      ...line,
      what: "[name]",
      err: { code: "EACCES", message: "open [name]" },
    });
    expect(redactor(false).logLine("Segmentation fault at /data/a")).toBe("Segmentation fault at [name]");
  });
});

test("secrets are gone with names and without, also as they stand in addresses", () => {
  for (const names of [false, true]) {
    const shown = [
      redactor(names).text(`key ${SECRET} and https://me:other@h/?token=abc`),
      redactor(names).logLine(
        JSON.stringify({ msg: `sent ${encodeURIComponent(SECRET)}`, url: "http://h:1/?token=abc" }),
      ),
    ].join("\n");
    for (const secret of [SECRET, "other", "abc"]) expect(shown).not.toContain(secret);
  }
  expect(redactor(true).text("for example /d/a b")).toBe("for example /d/a b");
});
