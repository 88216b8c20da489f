/**
 * Compares two trees part by part, so that memory depends on the largest part and not on the tree.
 *
 * A part is a whole subtree where that is small: one listing of each side. Else it is one directory, and those below it
 * become parts of their own; a directory with very many entries is listed several times, and each time some of the
 * names are taken, chosen by a hash of them.
 *
 * The disk is always listed before the view. What changes meanwhile shows as a difference, which is looked at again
 * later (unsettled.ts): nothing here is final.
 */
import type { ComparableTree, Listing, TreeEntry } from "../sdk/index.ts";
import { byPath, type ComparedMembers, type Difference, differencesOf } from "./difference.ts";
import { walk } from "./walk.ts";

type Listed = Pick<ComparableTree, "list">;

export interface UnitParts {
  readonly disk: Listed;
  readonly view: Listed;
  readonly members: ComparedMembers;
  readonly signal: AbortSignal;
  readonly bounds?: UnitBounds;
}

export interface UnitBounds {
  /** Entries of a subtree that is compared as a whole. */
  readonly subtree: number;
  /** Entries of a directory that are compared at once. */
  readonly directory: number;
}

const BOUNDS: UnitBounds = { subtree: 4000, directory: 60_000 };
/** Receivers answer a subtree by recursion. */
const MOST_DEPTH = 64;
/** Where the disk has nothing, so many levels of the view at once. */
const GHOST_DEPTH = 8;
const WORKERS = 3;

export interface NotCompared {
  readonly path: string;
  readonly reason: string;
}

/** What came of one part. */
export interface ComparedUnit {
  /** On the disk. */
  readonly entries: number;
  readonly differences: readonly Difference[];
  readonly notCompared: readonly NotCompared[];
}

const belowPrefix = (path: string): string => (path === "/" ? "/" : `${path}/`);

export const parentOf = (path: string): string => path.slice(0, Math.max(1, path.lastIndexOf("/")));

/** Levels from `path` down to `entry`. */
function levelOf(entry: string, path: string): number {
  let level = 1;
  const from = belowPrefix(path).length;
  for (let at = entry.indexOf("/", from); at >= 0; at = entry.indexOf("/", at + 1)) level++;
  return level;
}

const levelsOf = ({ entries }: Listing, path: string): number =>
  entries.reduce((most, entry) => Math.max(most, levelOf(entry.path, path)), 0);

/** FNV-1a: which share of a directory a name belongs to. */
function shareOf(path: string, shares: number): number {
  let hash = 0x811c9dc5;
  for (let at = path.length - 1; at >= 0 && path.charCodeAt(at) !== 47; at--) {
    hash = Math.imul(hash ^ path.charCodeAt(at), 0x01000193);
  }
  return (hash >>> 0) % shares;
}

/** Why nothing is known of a path: it could not be looked at, or something above it. */
export function reasonUnknown({ unknown }: Listing, path: string): string | undefined {
  if (unknown.size === 0) return undefined;
  for (let at = path; ; at = parentOf(at)) {
    const reason = unknown.get(at);
    if (reason !== undefined) return reason;
    if (at === "/") return undefined;
  }
}

const UNNAMED = "one of many that cannot be looked at";

/** Differences that may be none go to those that were not compared. */
export function judged(disk: Listing, found: Iterable<Difference>): Pick<ComparedUnit, "differences" | "notCompared"> {
  const differences: Difference[] = [];
  const notCompared: NotCompared[] = [...disk.unknown].map(([path, reason]) => ({ path, reason }));
  for (const difference of found) {
    if (difference.kind === "ghost") {
      if (reasonUnknown(disk, difference.path) !== undefined) continue;
      if (disk.hasUnnamed) {
        notCompared.push({ path: difference.path, reason: UNNAMED });
        continue;
      }
    }
    differences.push(difference);
  }
  return { differences, notCompared };
}

interface Unit {
  readonly disk: Listing;
  readonly view: Listing;
  /** Directories whose contents are not part of it. */
  readonly below: readonly string[];
}

class UnitComparison {
  readonly #parts: UnitParts;
  readonly #bounds: UnitBounds;
  readonly #report: (unit: ComparedUnit) => Promise<void>;

  constructor(parts: UnitParts, report: (unit: ComparedUnit) => Promise<void>) {
    this.#parts = parts;
    this.#bounds = parts.bounds ?? BOUNDS;
    this.#report = report;
  }

  async visit(path: string): Promise<readonly string[]> {
    const whole = await this.#subtree(path);
    if (whole !== undefined) {
      await this.#reportOf(whole);
      return whole.below;
    }
    const below: string[] = [];
    for await (const share of this.#shares(path)) {
      await this.#reportOf(share);
      for (const directory of share.below) below.push(directory);
    }
    return below;
  }

  /** Undefined when it is too large on one side. */
  async #subtree(path: string): Promise<Unit | undefined> {
    const { signal } = this.#parts;
    const limit = this.#bounds.subtree;
    const disk = await this.#parts.disk.list(path, { signal, limit });
    const levels = levelsOf(disk, path);
    if (disk.tooMany || disk.hasUnnamed || levels > MOST_DEPTH) return undefined;
    const depth = disk.self === undefined ? GHOST_DEPTH : levels + 1;
    const view = await this.#parts.view.list(path, { signal, limit: 2 * limit, depth });
    if (view.tooMany) return undefined;
    const cut = view.entries.filter((entry) => entry.directory && levelOf(entry.path, path) === depth);
    return { disk, view, below: cut.map((entry) => entry.path) };
  }

  async *#shares(path: string): AsyncGenerator<Unit> {
    const { signal } = this.#parts;
    const both = async (limit: number | undefined, share: number, shares: number) => {
      const takes = shares === 1 ? undefined : (entry: string): boolean => shareOf(entry, shares) === share;
      const options = {
        signal,
        depth: 1,
        ...(takes === undefined ? {} : { takes }),
        ...(limit === undefined ? {} : { limit }),
      };
      const disk = await this.#parts.disk.list(path, options);
      return { disk, view: await this.#parts.view.list(path, options) };
    };
    let shares = 1;
    let unit = await both(this.#bounds.directory, 0, shares);
    for (; unit.disk.tooMany || unit.view.tooMany; unit = await both(this.#bounds.directory, 0, shares)) shares *= 8;
    yield { ...unit, below: directoriesOf(unit) };
    for (let share = 1; share < shares; share++) {
      unit = await both(undefined, share, shares);
      yield { ...unit, below: directoriesOf(unit) };
    }
  }

  #reportOf({ disk, view }: Unit): Promise<void> {
    const found = differencesOf(disk.entries.toSorted(byPath), view.entries.toSorted(byPath), this.#parts.members);
    return this.#report({ entries: disk.entries.length, ...judged(disk, found) });
  }
}

function directoriesOf({ disk, view }: Pick<Unit, "disk" | "view">): readonly string[] {
  const paths = new Set<string>();
  for (const entries of [disk.entries, view.entries]) {
    for (const { directory, path } of entries) if (directory) paths.add(path);
  }
  return [...paths].filter((path) => !disk.unknown.has(path));
}

/** Everything below `from`, which itself is not compared. `report` is called one unit at a time. */
export async function compareUnits(
  from: string,
  parts: UnitParts,
  report: (unit: ComparedUnit) => Promise<void>,
): Promise<void> {
  let turn: Promise<void> = Promise.resolve();
  const inTurn = (unit: ComparedUnit): Promise<void> => {
    turn = turn.then(() => report(unit));
    return turn;
  };
  const comparison = new UnitComparison(parts, inTurn);
  await walk(from, WORKERS, (path) => comparison.visit(path));
}

/** What stands at one path on both sides. */
export async function lookAt(
  path: string,
  { disk, view, signal }: Pick<UnitParts, "disk" | "view" | "signal">,
): Promise<{ readonly disk: Listing; readonly view: TreeEntry | undefined }> {
  const seen = await disk.list(path, { signal, depth: 0 });
  return { disk: seen, view: (await view.list(path, { signal, depth: 0 })).self };
}
