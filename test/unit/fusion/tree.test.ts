import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileTree, NONE, ROOT } from "../../../src/fusion/tree.ts";

type Model = Map<string, boolean>;

const segment = fc.constantFrom("a", "b", "c", "a-name-of-more-than-thirteen-letters");
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const operation = fc.oneof(
  fc.record({ type: fc.constant("put" as const), path, directory: fc.boolean(), named: fc.boolean() }),
  fc.record({ type: fc.constant("remove" as const), path }),
);

function removeBelow(model: Model, path: string): void {
  for (const key of [...model.keys()]) if (key === path || key.startsWith(`${path}/`)) model.delete(key);
}

function putInModel(model: Model, path: string, directory: boolean): void {
  const parts = path.split("/").slice(1);
  for (let depth = 1; depth <= parts.length; depth++) {
    const at = `/${parts.slice(0, depth).join("/")}`;
    const wanted = depth < parts.length || directory;
    if (model.has(at) && model.get(at) !== wanted) removeBelow(model, at);
    if (!model.has(at)) model.set(at, wanted);
  }
}

function contents(tree: FileTree): Model {
  const found: Model = new Map();
  const visit = (id: number): void => {
    for (let child = tree.firstChildOf(id); child !== NONE; child = tree.nextSiblingOf(child)) {
      found.set(tree.pathOf(child), tree.isDirectory(child));
      visit(child);
    }
  };
  visit(ROOT);
  return found;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

describe("FileTree", () => {
  it("holds what a map of paths would hold after any sequence of puts and removals", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const tree = new FileTree();
        const model: Model = new Map();
        for (const step of operations) {
          if (step.type === "put") {
            tree.ensure(step.path, step.directory, step.named ? nameOf(step.path) : "");
            putInModel(model, step.path, step.directory);
          } else {
            const id = tree.lookup(step.path);
            expect(id !== NONE).toBe(model.has(step.path));
            if (id !== NONE) tree.remove(id);
            removeBelow(model, step.path);
          }
        }
        expect([...contents(tree)].sort()).toEqual([...model].sort());
        expect(tree.entries).toBe(model.size + 1);
        expect(tree.directories).toBe([...model.values()].filter(Boolean).length + 1);
        for (const [key, directory] of model) expect(tree.isDirectory(tree.lookup(key))).toBe(directory);
      }),
      { numRuns: 500 },
    );
  });

  it("keeps children in the order they came", () => {
    const tree = new FileTree();
    for (const name of ["z", "a", "m", "b"]) tree.ensure(`/${name}`, false, name);
    tree.remove(tree.lookup("/m"));
    tree.ensure("/m", false, "m");
    expect([...contents(tree).keys()]).toEqual(["/z", "/a", "/b", "/m"]);
  });

  it("sums up the bytes of files only, through changes and removals", () => {
    const tree = new FileTree();
    tree.setFacts(tree.ensure("/d", true, "d"), 4096, 1, 1);
    tree.setFacts(tree.ensure("/d/a", false, "a"), 10, 1, 1);
    tree.setFacts(tree.ensure("/d/b", false, "b"), 5, 1, 1);
    tree.setFacts(tree.lookup("/d/a"), 7, 2, 2);
    expect(tree.fileBytes).toBe(12);
    tree.remove(tree.lookup("/d"));
    expect(tree.fileBytes).toBe(0);
  });

  it("does not take a file for the directory of the path looked up last", () => {
    const tree = new FileTree();
    tree.ensure("/d", false, "d");
    expect(tree.lookup("/d/x")).toBe(NONE);
    tree.ensure("/d/x", false, "x");
    expect(tree.isDirectory(tree.lookup("/d"))).toBe(true);
    expect(tree.entries).toBe(3);
  });

  it("removes a path of twenty thousand levels", () => {
    const tree = new FileTree();
    const parts = Array.from({ length: 20_000 }, () => "d");
    tree.ensure(`/${parts.join("/")}`, false, "d");
    tree.remove(tree.lookup("/d"));
    expect(tree.entries).toBe(1);
  });

  it("gives a freed id out again only when the last reader has left", () => {
    const tree = new FileTree();
    const freed = tree.ensure("/a", false, "a");
    const reader = tree.openReader();
    tree.remove(freed);
    expect(tree.ensure("/b", false, "b")).not.toBe(freed);
    tree.closeReader(reader);
    expect(tree.ensure("/c", false, "c")).toBe(freed);
  });

  it("tells readers that they hold nothing any more when it is emptied", () => {
    const tree = new FileTree();
    tree.ensure("/a", false, "a");
    const reader = tree.openReader();
    tree.reset();
    expect(reader.valid).toBe(false);
    expect(tree.entries).toBe(1);
    expect(tree.lookup("/a")).toBe(NONE);
  });

  it("keeps names with lone surrogates", () => {
    const tree = new FileTree();
    const name = `long-enough-to-be-a-slice-\ud800`;
    tree.ensure(`/d/${name}`, false, "");
    expect(tree.nameOf(tree.lookup(`/d/${name}`))).toBe(name);
  });
});

describe("readers of a tree", () => {
  it("are given up when they hold back more than there is, so that churn does not grow the table for ever", () => {
    const tree = new FileTree();
    for (let at = 0; at < 1000; at++) tree.ensure(`/kept-${at}`, false, "");
    const reader = tree.openReader();
    for (let round = 0; round < 300; round++) {
      for (let at = 0; at < 1000; at++) tree.ensure(`/churn/${round}-${at}`, false, "");
      tree.remove(tree.lookup("/churn"));
    }
    expect(reader.valid).toBe(false);
    expect(tree.highestId).toBeLessThan(80_000);
    tree.closeReader(reader);
    expect(tree.entries).toBe(1001);
    expect(tree.lookup("/kept-999")).not.toBe(NONE);
  });
});
