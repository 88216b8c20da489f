/** A careless user: operations at random on a small set of names, so that names meet again and again. Depends on the seed. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { seededRandom } from "./temp-tree.ts";
import { lasting } from "./wait-for.ts";

export interface RandomOptions {
  readonly root: string;
  /** On the same file system: entries are moved there and back. */
  readonly outside: string;
  readonly seed: number;
  readonly steps: number;
}

const NAMES = ["a", "b", "c", "d", "e"];
const MAX_DEPTH = 4;

type Operation = (path: string, other: string) => void;

const OPERATIONS: readonly (readonly [weight: number, Operation])[] = [
  [6, (path) => writeFileSync(path, path.slice(-20))],
  [2, (path) => appendFileSync(path, "more")],
  [6, (path) => mkdirSync(path)],
  [3, (path) => mkdirSync(join(path, "a/b/c"), { recursive: true })],
  [7, (path, other) => renameSync(path, other)],
  [3, (path) => rmSync(path, { recursive: true })],
  [1, (path, other) => linkSync(path, other)],
  [1, (path, other) => symlinkSync(other, path)],
  [1, (path) => truncateSync(path, 3)],
  [1, (path) => utimesSync(path, 1e9, 1e9)],
  [1, (path) => chmodSync(path, 0o700)],
  [1, (path) => execFileSync("mkfifo", [path], { stdio: "ignore" })],
];

const TOTAL_WEIGHT = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0);

function pickOperation(number: number): Operation {
  let left = number * TOTAL_WEIGHT;
  for (const [weight, operation] of OPERATIONS) {
    left -= weight;
    if (left < 0) return operation;
  }
  throw new Error("unreachable: the weights sum up to the total");
}

/** Links and fifos are never written through: the first might lead outside, the second would wait for ever. */
const isPlain = (path: string): boolean => {
  if (!existsSync(path)) return true;
  const stat = lstatSync(path);
  return stat.isFile() || stat.isDirectory();
};

export function playRandomly(options: RandomOptions): void {
  const done = playSteps(options, options.steps, seededRandom(options.seed));
  if (done < options.steps / 10) throw new Error(`only ${done} of ${options.steps} random operations did anything`);
}

export interface Unrest {
  /** Resolves when the last operation is over. */
  stop(): Promise<void>;
}

/** The same careless user, a few operations at a time beside everything else, until it is stopped. */
export function startUnrest(options: Omit<RandomOptions, "steps">): Unrest {
  const random = seededRandom(options.seed);
  const over = new AbortController();
  const work = async (): Promise<void> => {
    while (!over.signal.aborted) {
      playSteps(options, 1 + Math.floor(random() * 6), random);
      await lasting(5 + Math.floor(random() * 20), "the pace of the user");
    }
  };
  const done = work();
  return {
    stop: () => {
      over.abort();
      return done;
    },
  };
}

/** Returns how many operations did anything. */
function playSteps(options: Pick<RandomOptions, "root" | "outside">, steps: number, random: () => number): number {
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const pickPath = (): string => {
    const top = random() < 0.06 ? options.outside : options.root;
    const depth = 1 + Math.floor(random() * MAX_DEPTH);
    return join(top, ...Array.from({ length: depth }, () => pick(NAMES)));
  };
  let done = 0;
  for (let step = 0; step < steps; step++) {
    const operation = pickOperation(random());
    const path = pickPath();
    const other = pickPath();
    if (!isPlain(path)) {
      rmSync(path, { force: true });
      continue;
    }
    try {
      operation(path, other);
      done += 1;
    } catch {
      // Most names do not exist at that moment, or are of the wrong kind: that is the game.
    }
  }
  return done;
}
