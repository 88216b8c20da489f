/**
 * A tree as JSON, in pieces.
 *
 * A view of a million entries is about 150 MB of text, so it is written piece by piece as the client takes it. Agents
 * change the tree in between: a piece (some thousand entries, so every small tree as a whole) shows one moment, a long
 * answer does not.
 */
import type { Arbitration } from "./arbitration.ts";
import { NONE, type TreeReader } from "./tree.ts";

export interface TreeQuery {
  /** Levels below the entry; undefined = all. */
  readonly maxDepth: number | undefined;
  /** Names and kinds only. */
  readonly onlyPath: boolean;
  /** Members added to the outermost object, as JSON without braces. */
  readonly extra: string;
}

/** Characters of one piece. */
const PIECE = 1_048_576;

/** One entry without its children, as JSON without the closing brace. */
export function entryHead(arbitration: Arbitration, id: number, path: string, onlyPath: boolean): string {
  const { tree } = arbitration;
  const type = tree.isDirectory(id) ? "directory" : "file";
  const head = `{"name":${JSON.stringify(tree.nameOf(id))},"content_type":"${type}","path":${JSON.stringify(path)}`;
  if (onlyPath) return head;
  const suspect = arbitration.suspects.has(id);
  const size = finite(tree.sizeOf(id));
  const [modified, created] = [finite(tree.modifiedOf(id)), finite(tree.createdOf(id))];
  return `${head},"size":${size},"modified_time":${modified},"created_time":${created},"integrity_suspect":${suspect}`;
}

/** A single value that is no number would make the whole answer invalid JSON. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

export function* treePieces(
  arbitration: Arbitration,
  start: number,
  query: TreeQuery,
): Generator<string, void, undefined> {
  const { tree } = arbitration;
  const reader = tree.openReader();
  try {
    yield* walk(arbitration, reader, start, query);
  } finally {
    tree.closeReader(reader);
  }
}

function* walk(
  arbitration: Arbitration,
  reader: TreeReader,
  start: number,
  query: TreeQuery,
): Generator<string, void, undefined> {
  const { tree } = arbitration;
  const startPath = tree.pathOf(start);
  const directories: { readonly id: number; readonly path: string }[] = [];
  let text = "";
  let id = start;
  let path = startPath;
  for (;;) {
    text += entryHead(arbitration, id, path, query.onlyPath);
    const opens = tree.isDirectory(id) && (query.maxDepth === undefined || directories.length < query.maxDepth);
    const child = opens ? tree.firstChildOf(id) : NONE;
    if (opens) text += ',"children":[';
    if (child !== NONE) {
      directories.push({ id, path: path === "/" ? "" : path });
      id = child;
    } else {
      if (id === start) {
        yield `${text}${opens ? "]" : ""}${query.extra}}`;
        return;
      }
      text += opens ? "]}" : "}";
      id = tree.nextSiblingOf(id);
      while (id === NONE) {
        const directory = directories.pop();
        if (directory === undefined || directories.length === 0) {
          yield `${text}]${query.extra}}`;
          return;
        }
        text += "]}";
        id = tree.nextSiblingOf(directory.id);
      }
      text += ",";
    }
    path = `${directories[directories.length - 1]?.path ?? ""}/${tree.nameOf(id)}`;
    if (text.length < PIECE) continue;
    yield text;
    text = "";
    if (!reader.valid) throw new Error("the view was emptied, or changed too much, while it was read");
  }
}
