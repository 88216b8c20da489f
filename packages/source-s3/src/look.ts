/** Looks at single paths. */
import type { Verified } from "fustor-agent/sdk";
import type { Client } from "./client.ts";
import { besideDirectory, isFileKey, keyOfPath } from "./keys.ts";
import { factsOf, type Model } from "./model.ts";
import { firstOf } from "./pages.ts";
import { directoryRow, fileRow } from "./rows.ts";

export interface LookParts {
  readonly client: Client;
  readonly prefix: string;
  readonly isWanted: (key: string) => boolean;
  readonly model: Model;
}

export class Look {
  readonly #parts: LookParts;
  /** Something is otherwise than the model has it. */
  isDifferent = false;

  constructor(parts: LookParts) {
    this.#parts = parts;
  }

  /** Undefined when nothing can be said about the path. */
  async at(path: string, signal: AbortSignal): Promise<Verified | undefined> {
    const { client, prefix, isWanted, model } = this.#parts;
    const key = keyOfPath(path);
    if (key === undefined || path === "/" || !isWanted(key)) return undefined;
    const [isBelow, object] = await Promise.all([
      firstOf(client, `${prefix}${key}/`, signal).then((first) => first !== undefined),
      firstOf(client, prefix + key, signal),
    ]);
    const file = isFileKey(key) && object?.key === prefix + key ? object : undefined;
    const filePath = isBelow ? besideDirectory(pathOnly(path)) : pathOnly(path);
    if (file !== undefined && path === filePath) {
      const facts = factsOf(file);
      this.isDifferent ||= model.differs(key, facts);
      return { key: path, exists: true, row: fileRow(path, facts) };
    }
    const directory = model.directories.get(path);
    if (isBelow && path === pathOnly(path)) {
      this.isDifferent ||= directory === undefined;
      // Its times are those of what lies in it, which only a listing knows.
      return directory === undefined ? undefined : { key: path, exists: true, row: directoryRow(path, directory) };
    }
    this.isDifferent ||= directory !== undefined || model.isShown(path, key);
    return { key: path, exists: false };
  }
}

/** Without the mark of an object beside a directory. */
const pathOnly = (path: string): string =>
  (/\u201b*$/.exec(path)?.[0].length ?? 0) % 2 === 1 ? path.slice(0, -1) : path;
