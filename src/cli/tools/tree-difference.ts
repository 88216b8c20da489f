/** Whether a view and a directory tree are the same, entry by entry: kind, size and time of change. */
import type { ScannedRows } from "./inspect.ts";

export interface TreeEntry {
  readonly directory: boolean;
  readonly size: number;
  /** Seconds since 1970, the very number of the row. */
  readonly modified: number;
}

export type Tree = ReadonlyMap<string, TreeEntry>;

export type Difference =
  | { readonly kind: "missing_in_view"; readonly path: string }
  | { readonly kind: "only_in_view"; readonly path: string }
  | { readonly kind: "unequal"; readonly path: string; readonly disk: TreeEntry; readonly view: TreeEntry };

interface DiskRow {
  readonly path: string;
  readonly size: number;
  readonly modified_time: number;
  readonly is_directory: boolean;
}

/** The rows of a scan as a tree. */
export async function treeOfScan(chunks: AsyncIterable<ScannedRows>): Promise<Tree> {
  const tree = new Map<string, TreeEntry>();
  for await (const { buffer, rowOffsets, rowCount } of chunks) {
    const text = Buffer.from(buffer.buffer, buffer.byteOffset, (rowOffsets[rowCount] ?? 1) - 1).toString("utf8");
    for (const row of JSON.parse(`[${text}]`) as DiskRow[]) {
      tree.set(row.path, { directory: row.is_directory, size: row.size, modified: row.modified_time });
    }
  }
  return tree;
}

/** An entry as Fusion's tree query answers it. */
export interface ViewNode {
  readonly path: string;
  readonly content_type: string;
  readonly size: number;
  readonly modified_time: number;
  readonly children?: readonly ViewNode[];
}

export function treeOfView(root: ViewNode): Tree {
  const tree = new Map<string, TreeEntry>();
  const waiting: ViewNode[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    const { path, content_type, size, modified_time, children } = node;
    tree.set(path, { directory: content_type === "directory", size, modified: modified_time });
    if (children !== undefined) for (const child of children) waiting.push(child);
  }
  return tree;
}

const same = (a: TreeEntry, b: TreeEntry): boolean =>
  a.directory === b.directory && a.size === b.size && a.modified === b.modified;

export function differencesOf(disk: Tree, view: Tree): readonly Difference[] {
  const differences: Difference[] = [];
  for (const [path, entry] of disk) {
    const other = view.get(path);
    if (other === undefined) differences.push({ kind: "missing_in_view", path });
    else if (!same(entry, other)) differences.push({ kind: "unequal", path, disk: entry, view: other });
  }
  for (const path of view.keys()) if (!disk.has(path)) differences.push({ kind: "only_in_view", path });
  return differences;
}
