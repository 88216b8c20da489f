/**
 * A tree as JSON, in pieces.
 *
 * A view of a million entries is some 150 MB of text, so it is written piece by piece as the reader takes it. Writers go on in
 * between: a piece (some thousand entries, so every small tree as a whole) is of one moment, a long answer is not.
 */
import type { Arbitration } from "./arbitration.ts";
import { type FileTree, NONE, type TreeReader } from "./tree.ts";

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
  const suspect = arbitration.isSuspect(id);
  return `${head},"size":${tree.sizeOf(id)},"modified_time":${tree.modifiedOf(id)},"created_time":${tree.createdOf(id)},"integrity_suspect":${suspect}`;
}

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
    if (!reader.valid) throw new Error("the view was emptied while it was read");
  }
}

/** The canonical paths of everything below the root whose path or name matches a pattern of `*` and `?`. */
export function search(tree: FileTree, pattern: string, limit: number): readonly number[] {
  const found: number[] = [];
  for (let id = 2; id <= tree.highestId && found.length < limit; id++) {
    if (!tree.isLive(id)) continue;
    if (matches(pattern, tree.nameOf(id)) || matches(pattern, tree.pathOf(id))) found.push(id);
  }
  return found;
}

/** Shell patterns with `*` and `?`, without backtracking over more than the last star. */
export function matches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let star = -1;
  let resume = 0;
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      resume = t;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === text[t])) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}
