/** Keys as paths, and back: no two keys meet, whatever they look like. */
import { expect, test } from "vitest";
import { wantedBy } from "../src/exclude.ts";
import { compareKeys, keyOfPath, pathOfKey } from "../src/keys.ts";
import { parseError, parsePage } from "../src/list-page.ts";

test.each([
  ["a/b.txt", "/a/b.txt"],
  ["/a", "/‛2F/a"],
  ["a//b", "/a/‛2F/b"],
  ["a/./..", "/a/‛2E/‛2E‛2E"],
  [".hidden/..x", "/.hidden/..x"],
  ["‛2F/x", "/‛‛2F/x"],
  ["nul\0line\nend", "/nul‛00line\nend"],
  ["é/ü 𝄞", "/é/ü 𝄞"],
])("the object %j is the file %j", (key, path) => {
  expect(pathOfKey(key)).toEqual({ path, isDirectory: false });
  expect(keyOfPath(path)).toBe(key);
});

test.each([
  ["", "/"],
  ["a/", "/a"],
  ["/", "/‛2F"],
  ["a//", "/a/‛2F"],
])("the object %j is the directory %j", (key, path) => {
  expect(pathOfKey(key)).toEqual({ path, isDirectory: true });
});

test("all keys of up to four odd characters have paths of their own, and none that a file cannot have", () => {
  const seen = new Map<string, string>();
  let keys = [""];
  for (let length = 1; length <= 4; length++) {
    keys = keys.flatMap((key) => ["a", "/", ".", "‛", "2", "F", "\0"].map((each) => key + each));
    for (const key of keys) {
      const { path, isDirectory } = pathOfKey(key);
      const place = `${path}${isDirectory ? "/" : ""}`;
      expect(seen.get(place) ?? key, place).toBe(key);
      seen.set(place, key);
      if (!isDirectory) seen.set(`${path}‛`, key);
      for (const segment of path.slice(1).split("/")) expect(["", ".", "..", "\0"]).not.toContain(segment);
      expect(keyOfPath(path)).toBe(isDirectory ? key.slice(0, -1) : key);
    }
  }
});

test("the longest key that a store takes fits a path", () => {
  for (const key of ["/".repeat(1023), "é".repeat(512), "./".repeat(512), "‛".repeat(341)]) {
    expect(pathOfKey(key).path.length).toBeLessThan(4 * 1024 + 2);
  }
});

test("keys are compared as their bytes are", () => {
  const keys = ["a", "a/", "a0", "ab", "é", "\ud7ff", "\ue000", "\uffee", "𝄞", "𝄟", "z"];
  const byBytes = [...keys].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  expect([...keys].sort(compareKeys)).toEqual(byBytes);
});

const PAGE = (contents: string, rest = "<IsTruncated>false</IsTruncated>"): string =>
  `<?xml version="1.0"?><ListBucketResult>${rest}${contents}</ListBucketResult>`;
const OBJECT = (key: string): string =>
  `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>`;

test("a page is read, in both forms of keys", () => {
  const facts = { size: 7, modifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5), etag: "&quot;e&quot;" };
  expect(parsePage(PAGE(OBJECT("a+b &amp; %41&#x10;")))).toEqual({
    objects: [{ key: "a+b & %41\u0010", ...facts }],
    next: undefined,
  });
  const encoded =
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;</NextContinuationToken>";
  expect(parsePage(PAGE(OBJECT("a+b%2B%01%E2%80%9B"), encoded))).toEqual({
    objects: [{ key: "a b+\u0001‛", ...facts }],
    next: "t<",
  });
});

test.each([
  PAGE(OBJECT("a")).slice(0, -5),
  PAGE(OBJECT("a"), ""),
  PAGE(OBJECT("a"), "<IsTruncated>true</IsTruncated>"),
  PAGE("<Contents><Key>a</Key></Contents>"),
  "<html>a proxy</html>",
  "",
])("what is no whole page is none: %s", (text) => {
  expect(() => parsePage(text)).toThrow(SyntaxError);
});

test("an error of a store is read", () => {
  const text =
    "<Error><Code>PermanentRedirect</Code><Message>m</Message><Endpoint>b.oss-cn-x.aliyuncs.com</Endpoint></Error>";
  expect(parseError(text)).toEqual({ code: "PermanentRedirect", message: "m", endpoint: "b.oss-cn-x.aliyuncs.com" });
  expect(parseError("<html/>")).toBeUndefined();
});

test("patterns leave out what they name, and all below it", () => {
  const isWanted = wantedBy(["*.tmp", "/logs", "a/**/z", "cache/", "x?y"]);
  const out = ["b.tmp", "d/b.tmp", "b.tmp/c", "logs/1", "logs", "a/z", "a/1/2/z", "cache/1", "d/cache/2", "xay"];
  const kept = ["b.tmp2", "d/logs/1", "a/zz", "cache", "x/y", "b\ntmp"];
  expect(out.filter(isWanted)).toEqual([]);
  expect(kept.filter(isWanted)).toEqual(kept);
});
