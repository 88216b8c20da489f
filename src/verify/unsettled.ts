/**
 * Differences that were seen once and may just have been on their way: they are looked at again, with growing pauses,
 * until both sides agree or the time is over.
 *
 * What changes all the time may never be seen equal. The view follows it when it shows a state that is not older than
 * the one the disk had at the first look: the change that was missing then has arrived, and what is missing now is a
 * later one.
 */
import type { ComparableTree, TreeEntry } from "../sdk/index.ts";
import { judged, lookAt, type NotCompared, parentOf, reasonUnknown, type UnitParts } from "./compare-units.ts";
import { byPath, type Difference, differenceOf, isSameTime } from "./difference.ts";
import { nextPause, pauseFor } from "./patient-tree.ts";

/** So many entries of one directory are looked at one by one; for more the directory is listed. */
const MOST_SINGLE = 16;

type Sides = Pick<UnitParts, "disk" | "view" | "members" | "signal">;

interface Waiting {
  readonly first: Difference;
  last: Difference;
}

/** What became of the differences. */
export interface Settlement {
  readonly different: readonly Difference[];
  readonly notCompared: readonly NotCompared[];
  /** They were on their way. */
  readonly settled: number;
  /** They change all the time, and the view follows. */
  readonly followed: number;
}

const sideOf = (difference: Difference, side: "disk" | "view"): TreeEntry | undefined =>
  (difference as { readonly [side in "disk" | "view"]?: TreeEntry })[side];

/** See above. Where the view shows a time that the disk was seen with, the size has to be the one of that look. */
export function follows({ first, last }: { readonly first: Difference; readonly last: Difference }): boolean {
  const [then, now, view] = [sideOf(first, "disk"), sideOf(last, "disk"), sideOf(last, "view")];
  if (then === undefined || now === undefined || view === undefined) return false;
  if (now.directory !== view.directory || isSameTime(then.modified, now.modified)) return false;
  const isWithin = view.modified >= then.modified && view.modified <= now.modified;
  const seen = [then, now].find(({ modified }) => isSameTime(modified, view.modified));
  return isWithin && (seen === undefined || seen.size === view.size);
}

export class Unsettled {
  readonly #sides: Sides;
  readonly #waiting = new Map<string, Waiting>();
  readonly #notCompared: NotCompared[] = [];
  #settled = 0;

  constructor(sides: Sides) {
    this.#sides = sides;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get differences(): readonly Difference[] {
    return [...this.#waiting.values()].map(({ last }) => last);
  }

  add(difference: Difference): void {
    this.#waiting.set(difference.path, { first: difference, last: difference });
  }

  /** Everything is looked at again once at least, unless there is no time at all. Nothing waits afterwards. */
  async settle(settleMs: number): Promise<Settlement> {
    const endsAt = performance.now() + settleMs;
    let pauseMs: number | undefined;
    while (this.#waiting.size > 0 && settleMs > 0) {
      pauseMs = nextPause(pauseMs);
      await pauseFor(Math.min(pauseMs, settleMs), this.#sides.signal);
      await this.#lookAgain();
      if (performance.now() >= endsAt) break;
    }
    return this.#take();
  }

  #take(): Settlement {
    const left = [...this.#waiting.values()];
    this.#waiting.clear();
    const different = left.filter((waiting) => !follows(waiting)).map(({ last }) => last);
    const settled = this.#settled;
    this.#settled = 0;
    const notCompared = this.#notCompared.splice(0);
    return {
      different: different.toSorted(comparePaths),
      notCompared,
      settled,
      followed: left.length - different.length,
    };
  }

  async #lookAgain(): Promise<void> {
    const groups = new Map<string, string[]>();
    for (const path of this.#waiting.keys()) {
      const group = groups.get(parentOf(path));
      if (group === undefined) groups.set(parentOf(path), [path]);
      else group.push(path);
    }
    for (const [directory, paths] of groups) {
      if (paths.length > MOST_SINGLE) await this.#listAgain(directory, new Set(paths));
      else for (const path of paths) await this.#lookAtOne(path);
    }
  }

  async #lookAtOne(path: string): Promise<void> {
    const { disk, view } = await lookAt(path, this.#sides);
    const difference = differenceOf(disk.self, view, this.#sides.members);
    const reason = difference?.kind === "ghost" ? reasonUnknown(disk, path) : undefined;
    if (reason === undefined) this.#note(path, difference);
    else this.#giveUp({ path, reason });
  }

  async #listAgain(directory: string, paths: ReadonlySet<string>): Promise<void> {
    const { disk, view, members, signal } = this.#sides;
    const options = { signal, depth: 1, takes: (path: string) => paths.has(path) };
    const seen = await disk.list(directory, options);
    const inView = mapOf((await view.list(directory, options)).entries);
    const onDisk = mapOf(seen.entries);
    const found: Difference[] = [];
    for (const path of paths) {
      const difference = differenceOf(onDisk.get(path), inView.get(path), members);
      if (difference === undefined) this.#note(path, undefined);
      else found.push(difference);
    }
    const { differences, notCompared } = judged(seen, found);
    for (const difference of differences) this.#note(difference.path, difference);
    for (const each of notCompared) if (paths.has(each.path)) this.#giveUp(each);
    // Below a directory that cannot be looked at any more, which is said of the directory alone.
    const known = new Set(differences.map(({ path }) => path));
    for (const { path } of found) {
      const reason = known.has(path) ? undefined : reasonUnknown(seen, path);
      if (reason !== undefined && this.#waiting.has(path)) this.#giveUp({ path, reason });
    }
  }

  #note(path: string, difference: Difference | undefined): void {
    const waiting = this.#waiting.get(path);
    if (waiting === undefined) return;
    if (difference !== undefined) {
      waiting.last = difference;
      return;
    }
    this.#waiting.delete(path);
    this.#settled++;
  }

  #giveUp(notCompared: NotCompared): void {
    this.#waiting.delete(notCompared.path);
    this.#notCompared.push(notCompared);
  }
}

const mapOf = (entries: Awaited<ReturnType<ComparableTree["list"]>>["entries"]): ReadonlyMap<string, TreeEntry> =>
  new Map(entries.map((entry) => [entry.path, entry]));

const comparePaths = (one: Difference, other: Difference): number =>
  byPath({ path: one.path } as TreeEntry, { path: other.path } as TreeEntry);
