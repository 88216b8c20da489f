import { expect, test } from "vitest";
import { TreeNodes } from "../../../../../src/senders/fusion/view/tree-nodes.ts";

interface Node {
  readonly path: string;
  readonly content_type: string;
  readonly size: number | null;
  readonly modified_time: number;
  readonly children?: readonly Node[];
}

const file = (path: string): Node => ({ path, content_type: "file", size: 3, modified_time: 1.25 });
const folder = (path: string, ...children: readonly Node[]): Node => ({
  ...file(path),
  content_type: "directory",
  children,
});

const NAMES = ['"children":[', "}{][", "\\", '\\"', "ü\u201bFF", "\n", "\u{1f600}", '\\\\"'];
const TREE = {
  ...folder("/", folder("/d", ...NAMES.map((name) => file(`/d/${name}`)), folder("/d/empty"))),
  job_id: null,
  x: "}",
};
const PATHS = [...NAMES.map((name) => `/d/${name}`), "/", "/d", "/d/empty"].sort();

function pathsOf(text: string, size: number): string[] {
  const nodes = new TreeNodes();
  const paths: string[] = [];
  for (let at = 0; at < text.length; at += size) {
    for (const { path } of nodes.push(text.slice(at, at + size))) paths.push(path);
  }
  nodes.end();
  return paths.sort();
}

test.each([1, 2, 3, 7, 64, 100_000])(
  "entries come out of pieces of %i characters, whatever their names hold",
  (size) => {
    expect(pathsOf(JSON.stringify(TREE), size)).toEqual(PATHS);
    expect(pathsOf(JSON.stringify(TREE, undefined, 2), size)).toEqual(PATHS);
  },
);

test("an entry has the kind, size and time of the answer, and none counts as 0", () => {
  const nodes = new TreeNodes();
  expect(nodes.push(JSON.stringify({ ...file("/f"), size: null }))).toEqual([
    { path: "/f", directory: false, size: 0, modified: 1.25 },
  ]);
});

test("an answer may be as deep as it is, and one that is cut off or something else is refused", () => {
  let text = JSON.stringify(file("/leaf"));
  for (let depth = 0; depth < 20_000; depth++) {
    text = `{"path":"/d","content_type":"directory","size":0,"modified_time":1,"children":[${text}]}`;
  }
  expect(pathsOf(text, 5000)).toHaveLength(20_001);
  expect(() => pathsOf(text.slice(0, -1), 5000)).toThrow("cut off");
  for (const other of ['{"a":[1]}', "[]", '{"path":"/x"}', '{"path":1,"content_type":"file"}', '{"a":{"b":1}}']) {
    expect(() => pathsOf(other, 5)).toThrow("holds no tree");
  }
});

test("a string without end does not fill the memory", () => {
  const nodes = new TreeNodes();
  const endless = (): void => {
    nodes.push('{"path":"');
    for (let at = 0; at < 1000; at++) nodes.push("x".repeat(1000));
  };
  expect(endless).toThrow("never ends");
});
