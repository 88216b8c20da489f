/** A reader of one view of a Fusion: the nested tree becomes a map by path. */
import type { Tree, TreeEntry } from "./disk-tree.ts";
import { PATIENCE } from "./patience.ts";
import { waitFor } from "./wait-for.ts";

export interface ViewAddress {
  /** Such as `http://127.0.0.1:8101`. */
  readonly url: string;
  readonly viewId: string;
  readonly key: string;
}

export type ViewReading =
  | { readonly state: "open"; readonly tree: Tree }
  /** 503: no leader has ended its snapshot yet. */
  | { readonly state: "opening" }
  /** No answer at all. */
  | { readonly state: "away"; readonly reason: string };

export interface ViewSession {
  readonly id: string;
  readonly role: string;
  readonly canRealtime: boolean;
}

export interface ViewClient {
  readTree(): Promise<ViewReading>;
  /** Throws when Fusion does not answer with 200. */
  itemCount(): Promise<number>;
  /** Throws when Fusion does not answer with 200. */
  sessions(): Promise<ViewSession[]>;
  /** Resolves when the view answers. */
  waitUntilOpen(timeoutMs: number): Promise<void>;
}

interface TreeNode {
  readonly name: string;
  readonly path: string;
  readonly content_type: string;
  readonly size: number;
  readonly modified_time: number;
  readonly created_time: number;
  readonly children?: readonly TreeNode[];
}

function entryOf(node: TreeNode): TreeEntry {
  if (node.content_type !== "directory" && node.content_type !== "file") {
    throw new Error(`the view shows ${node.path} as ${JSON.stringify(node.content_type)}`);
  }
  return { kind: node.content_type, size: node.size, mtime: node.modified_time, ctime: node.created_time };
}

/** Throws when the tree contradicts itself: a path twice, or one that is not its parent's path and its name. */
export function flattenTree(root: TreeNode): Tree {
  const tree = new Map<string, TreeEntry>();
  const open: TreeNode[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (tree.has(node.path)) throw new Error(`the view shows ${node.path} twice`);
    tree.set(node.path, entryOf(node));
    const prefix = node.path === "/" ? "" : node.path;
    for (const child of node.children ?? []) {
      if (child.path !== `${prefix}/${child.name}`) throw new Error(`the view shows ${child.path} below ${node.path}`);
      open.push(child);
    }
  }
  return tree;
}

const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
};

export function createViewClient(address: ViewAddress): ViewClient {
  const get = (path: string, timeoutMs = 20_000): Promise<Response> =>
    fetch(`${address.url}/api/v1/views/${address.viewId}${path}`, {
      headers: { "X-API-Key": address.key },
      signal: AbortSignal.timeout(timeoutMs * PATIENCE),
    });
  const getJson = async <T>(path: string): Promise<T> => {
    const answer = await get(path);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const readTree = async (): Promise<ViewReading> => {
    let answer: Response;
    let text: string;
    try {
      answer = await get("/tree?path=/&recursive=true");
      text = await answer.text();
    } catch (error) {
      return { state: "away", reason: reasonOf(error) };
    }
    if (answer.status === 503) return { state: "opening" };
    if (answer.status !== 200) throw new Error(`the view's tree: ${answer.status} ${text}`);
    return { state: "open", tree: flattenTree(JSON.parse(text) as TreeNode) };
  };
  return {
    readTree,
    async itemCount() {
      return (await getJson<{ item_count: number }>("/stats")).item_count;
    },
    async sessions() {
      type Listed = { session_id: string; role: string; can_realtime: boolean };
      const { active_sessions } = await getJson<{ active_sessions: Listed[] }>("/sessions");
      return active_sessions.map(({ session_id, role, can_realtime }) => ({
        id: session_id,
        role,
        canRealtime: can_realtime,
      }));
    },
    async waitUntilOpen(timeoutMs) {
      let last = "";
      const look = async (): Promise<boolean> => {
        const answer = await get("/tree?path=/&recursive=false").catch(reasonOf);
        last = typeof answer === "string" ? answer : `status ${answer.status}`;
        if (typeof answer === "string") return false;
        await answer.text();
        return answer.status === 200;
      };
      await waitFor(look, { timeoutMs, what: () => `the view is open, last: ${last}` });
    },
  };
}
