/** Whether two trees are the same, entry by entry: a merge of two streams in the same order. Pure. */
import type { TreeEntry } from "../sdk/index.ts";

export type Difference =
  | { readonly kind: "missing"; readonly path: string; readonly disk: TreeEntry }
  /** Only the view has it. */
  | { readonly kind: "ghost"; readonly path: string; readonly view: TreeEntry }
  /** `kind`: one says file, the other directory. The first member that differs counts. */
  | {
      readonly kind: "kind" | "size" | "mtime";
      readonly path: string;
      readonly disk: TreeEntry;
      readonly view: TreeEntry;
    };

export type DifferenceKind = Difference["kind"];

/** What is compared of an entry beside its path and its kind. */
export interface ComparedMembers {
  readonly size: boolean;
  readonly modified: boolean;
}

export const EVERY_MEMBER: ComparedMembers = { size: true, modified: true };

/** Neighbouring doubles count as equal: a receiver may have read or written the number less exactly by one of them. */
export const isSameTime = (one: number, other: number): boolean =>
  Math.abs(one - other) <= Math.abs(one) * Number.EPSILON;

/** The difference between what stands at one path on both sides; undefined when there is none. */
export function differenceOf(
  disk: TreeEntry | undefined,
  view: TreeEntry | undefined,
  members: ComparedMembers,
): Difference | undefined {
  if (disk === undefined) return view === undefined ? undefined : { kind: "ghost", path: view.path, view };
  const { path } = disk;
  if (view === undefined) return { kind: "missing", path, disk };
  if (disk.directory !== view.directory) return { kind: "kind", path, disk, view };
  if (members.size && disk.size !== view.size) return { kind: "size", path, disk, view };
  if (members.modified && !isSameTime(disk.modified, view.modified)) return { kind: "mtime", path, disk, view };
  return undefined;
}

/** The order that {@link differencesOf} wants. */
export const byPath = (one: TreeEntry, other: TreeEntry): number =>
  one.path < other.path ? -1 : one.path > other.path ? 1 : 0;

/** Both sides in the order of {@link byPath}, each path once. The differences come in the same order. */
export function* differencesOf(
  disk: Iterable<TreeEntry>,
  view: Iterable<TreeEntry>,
  members: ComparedMembers = EVERY_MEMBER,
): Generator<Difference, void, undefined> {
  const [ours, theirs] = [disk[Symbol.iterator](), view[Symbol.iterator]()];
  let [one, other] = [ours.next().value, theirs.next().value] as [TreeEntry | undefined, TreeEntry | undefined];
  while (one !== undefined || other !== undefined) {
    const order = one === undefined ? 1 : other === undefined ? -1 : byPath(one, other);
    const difference = differenceOf(order <= 0 ? one : undefined, order >= 0 ? other : undefined, members);
    if (difference !== undefined) yield difference;
    if (order <= 0) one = ours.next().value as TreeEntry | undefined;
    if (order >= 0) other = theirs.next().value as TreeEntry | undefined;
  }
}
