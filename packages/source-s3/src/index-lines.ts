/** What a line of the index says. Pure. */
import type { Deleted, Facts, Model } from "./model.ts";

export type IndexLines = Iterable<string>;

const FORMAT = "fustor-s3 1";

export const lineOfPut = (
  sign: "+" | "=",
  key: string,
  { size, modifiedMs, hash }: Facts,
  generation: number,
): string => `${sign}${generation} ${size} ${modifiedMs} ${hash} ${JSON.stringify(key)}`;

export const lineOfDelete = (key: string, generation: number): string => `-${generation} ${JSON.stringify(key)}`;

const header = (id: string, scope: string): string => `${FORMAT} ${id} ${scope}`;

function* modelLines(id: string, scope: string, model: Model): Generator<string, void, undefined> {
  yield header(id, scope);
  yield `!${model.floor} ${model.last}`;
  for (const [slot, key] of model.keys.entries()) {
    if (key !== undefined) yield lineOfPut("=", key, model.facts(slot), model.generationOf(slot));
  }
  for (const [path, { generation, isDirectory }] of model.deleted) {
    yield `~${generation} ${isDirectory ? 1 : 0} ${JSON.stringify(path)}`;
  }
}

export const linesOf = { header, model: modelLines };

/** The name of the index, when the first line is one of this format and of this scope. */
export function idIn(line: string, scope: string): string | undefined {
  const [, id] = /^fustor-s3 1 ([0-9a-f-]{36}) /.exec(line) ?? [];
  return id !== undefined && line === header(id, scope) ? id : undefined;
}

/** Plays lines into a model. Throws on a line that is none. */
export class LinePlayer {
  readonly #model: Model;
  #deleted: Map<string, Deleted> | undefined = new Map();

  constructor(model: Model) {
    this.#model = model;
  }

  play(line: string): void {
    const [head = "", ...rest] = line.split(" ");
    const generation = Number(head.slice(1));
    const model = this.#model;
    switch (line[0]) {
      case "+":
        this.baseEnded();
        model.put(keyIn(line, 4), factsIn(rest), generation, 0);
        break;
      case "-":
        this.baseEnded();
        model.remove(keyIn(line, 1), generation);
        break;
      case "=":
        model.put(keyIn(line, 4), factsIn(rest), generation, 0);
        break;
      case "~":
        this.#deleted?.set(keyIn(line, 2), { generation, isDirectory: rest[0] === "1" });
        break;
      case "!":
        model.floor = generation;
        model.last = Number(rest[0]);
        break;
      default:
        throw new SyntaxError("a line of the index is none");
    }
  }

  /** What stood in the index when it was written anew is in the model. */
  baseEnded(): void {
    if (this.#deleted === undefined) return;
    this.#model.restored(this.#deleted);
    this.#deleted = undefined;
  }
}

/** Keys hold spaces: the key begins after so many of them. */
function keyIn(line: string, spaces: number): string {
  let at = 0;
  for (let left = spaces; left > 0; left--) at = line.indexOf(" ", at) + 1;
  return JSON.parse(line.slice(at)) as string;
}

const factsIn = ([size, modifiedMs, hash]: readonly string[]): Facts => ({
  size: Number(size),
  modifiedMs: Number(modifiedMs),
  hash: Number(hash),
});
