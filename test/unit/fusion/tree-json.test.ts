import { describe, expect, it } from "vitest";
import { Arbitration } from "../../../src/fusion/arbitration.ts";
import { treePieces } from "../../../src/fusion/tree-json.ts";

const clock = { wallSeconds: () => 1_000_000, monotonicMs: () => 0 };
const EXTRA = ',"extra":true';

interface Node {
  readonly path: string;
  readonly children?: readonly Node[];
}

function arbitration(...paths: readonly string[]): Arbitration {
  const made = new Arbitration({ clock, hotFileSeconds: 30, tombstoneSeconds: 3600 });
  for (const path of paths) made.tree.ensure(path, path.endsWith("dir"), "");
  return made;
}

const paths = (node: Node): readonly string[] => [node.path, ...(node.children ?? []).flatMap(paths)];

function read(from: Arbitration, path: string, maxDepth?: number): Node {
  const start = from.tree.lookup(path);
  return JSON.parse([...treePieces(from, start, { maxDepth, onlyPath: false, extra: EXTRA })].join("")) as Node;
}

describe("treePieces", () => {
  const some = arbitration("/a", "/b.dir/c", "/b.dir/d.dir/e", "/f.dir", '/quo"te');

  it("writes every entry below the start once, in order", () => {
    expect(paths(read(some, "/"))).toEqual([
      "/",
      "/a",
      "/b.dir",
      "/b.dir/c",
      "/b.dir/d.dir",
      "/b.dir/d.dir/e",
      "/f.dir",
      '/quo"te',
    ]);
    expect(paths(read(some, "/b.dir"))).toEqual(["/b.dir", "/b.dir/c", "/b.dir/d.dir", "/b.dir/d.dir/e"]);
    expect(read(some, "/a")).toMatchObject({ path: "/a", content_type: "file", extra: true });
  });

  it("leaves the children member out where the depth ends", () => {
    expect(read(some, "/", 0)).not.toHaveProperty("children");
    const one = read(some, "/", 1);
    expect(paths(one)).toEqual(["/", "/a", "/b.dir", "/f.dir", '/quo"te']);
    expect(one.children?.every((child) => child.children === undefined)).toBe(true);
  });

  it("stays valid JSON without doubles when entries come and go between two pieces", () => {
    const many = arbitration();
    for (let at = 0; at < 30_000; at++) many.tree.ensure(`/d${at % 30}/name-${at}`, false, "");
    const pieces: string[] = [];
    for (const piece of treePieces(many, 1, { maxDepth: undefined, onlyPath: false, extra: "" })) {
      pieces.push(piece);
      for (let d = 0; d < 30; d += 2) {
        const id = many.tree.lookup(`/d${d}`);
        if (id !== 0) many.tree.remove(id);
      }
      for (let at = 0; at < 1000; at++) many.tree.ensure(`/new-${pieces.length}/name-${at}`, false, "");
    }
    expect(pieces.length).toBeGreaterThan(2);
    const found = paths(JSON.parse(pieces.join("")) as Node);
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((path) => path.startsWith("/d1/"))).toHaveLength(1000);
  });

  it("breaks off when the tree is emptied under it", () => {
    const many = arbitration();
    for (let at = 0; at < 20_000; at++) many.tree.ensure(`/d/name-${at}`, false, "");
    const pieces = treePieces(many, 1, { maxDepth: undefined, onlyPath: false, extra: "" });
    pieces.next();
    many.reset();
    expect(() => pieces.next()).toThrow("emptied");
  });
});
