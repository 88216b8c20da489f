import { expect, test } from "vitest";
import { differencesOf, type TreeEntry, treeOfScan, treeOfView } from "../../../../src/cli/tools/tree-difference.ts";

const file = (size: number, modified: number): TreeEntry => ({ directory: false, size, modified });
const folder = (modified: number): TreeEntry => ({ directory: true, size: 4096, modified });

test("equal trees have no difference", () => {
  const tree = new Map([
    ["/", folder(1)],
    ["/a", file(5, 1.5)],
  ]);
  expect(differencesOf(tree, new Map(tree))).toEqual([]);
});

test.each<[string, TreeEntry]>([
  ["size", file(6, 1.5)],
  ["time", file(5, 1.5000001)],
  ["kind", { ...file(5, 1.5), directory: true }],
])("another %s is a difference", (_, other) => {
  const disk = file(5, 1.5);
  expect(differencesOf(new Map([["/a", disk]]), new Map([["/a", other]]))).toEqual([
    { kind: "unequal", path: "/a", disk, view: other },
  ]);
});

test("what stands on one side only is named with its side", () => {
  const differences = differencesOf(new Map([["/disk", file(1, 1)]]), new Map([["/view", file(1, 1)]]));
  expect(differences).toEqual([
    { kind: "missing_in_view", path: "/disk" },
    { kind: "only_in_view", path: "/view" },
  ]);
});

test("rows of several chunks become one tree and bytes behind the last row do not count", async () => {
  const chunk = (...rows: object[]) => {
    const texts = rows.map((row) => JSON.stringify(row));
    const rowOffsets = new Uint32Array(texts.length + 1);
    texts.forEach((text, at) => {
      rowOffsets[at + 1] = (rowOffsets[at] ?? 0) + Buffer.byteLength(text) + 1;
    });
    return { rowCount: texts.length, rowOffsets, buffer: Buffer.from(`${texts.join(",")},{"old":`) };
  };
  async function* chunks() {
    yield chunk({ path: "/", size: 4096, modified_time: 1, is_directory: true });
    yield chunk(
      { path: "/ü", size: 5, modified_time: 1.5, is_directory: false },
      { path: "/b", size: 0, modified_time: -1, is_directory: false },
    );
  }
  expect(await treeOfScan(chunks())).toEqual(
    new Map([
      ["/", folder(1)],
      ["/ü", file(5, 1.5)],
      ["/b", file(0, -1)],
    ]),
  );
});

test("the answer of a tree query becomes the same form, as deep as it may be", () => {
  const leaf = { path: "/leaf", content_type: "file", size: 1, modified_time: 2 };
  let node: Parameters<typeof treeOfView>[0] = leaf;
  for (let depth = 0; depth < 50_000; depth++) {
    node = { path: `/${depth}`, content_type: "directory", size: 4096, modified_time: 1, children: [node] };
  }
  const tree = treeOfView(node);
  expect(tree.size).toBe(50_001);
  expect(tree.get("/leaf")).toEqual(file(1, 2));
});
