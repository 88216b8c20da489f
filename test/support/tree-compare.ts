/** The one comparison of a view with a disk, entry by entry. */
import { readDisk, type Tree, type TreeEntry } from "./disk-tree.ts";
import { PATIENCE } from "./patience.ts";
import type { ViewClient } from "./view-client.ts";
import { lasting } from "./wait-for.ts";

export type DifferenceKind = "missing" | "ghost" | "wrong kind" | "wrong size" | "wrong mtime" | "wrong ctime";

export interface Difference {
  readonly path: string;
  readonly kind: DifferenceKind;
  readonly disk?: TreeEntry;
  readonly view?: TreeEntry;
}

/** Doubles near 1.8e9 are 2.4e-7 apart. */
const TOLERANCE_S = 1e-6;
const PRINTED = 20;

const differs = (one: number, other: number): boolean => !(Math.abs(one - other) <= TOLERANCE_S);

function differenceKind(disk: TreeEntry, view: TreeEntry): DifferenceKind | undefined {
  if (disk.kind !== view.kind) return "wrong kind";
  if (disk.size !== view.size) return "wrong size";
  if (differs(disk.mtime, view.mtime)) return "wrong mtime";
  return differs(disk.ctime, view.ctime) ? "wrong ctime" : undefined;
}

/** At most one difference per path. */
export function compareTrees(disk: Tree, view: Tree): Difference[] {
  const differences: Difference[] = [];
  for (const [path, onDisk] of disk) {
    const inView = view.get(path);
    if (inView === undefined) {
      differences.push({ path, kind: "missing", disk: onDisk });
      continue;
    }
    const kind = differenceKind(onDisk, inView);
    if (kind !== undefined) differences.push({ path, kind, disk: onDisk, view: inView });
  }
  for (const [path, inView] of view) {
    if (!disk.has(path)) differences.push({ path, kind: "ghost", view: inView });
  }
  return differences;
}

export type DifferenceCounts = Readonly<Partial<Record<DifferenceKind, number>>>;

export function countDifferences(differences: readonly Difference[]): DifferenceCounts {
  const counts: Partial<Record<DifferenceKind, number>> = {};
  for (const { kind } of differences) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Such as "3 missing, 1 ghost". */
export function describeCounts(counts: DifferenceCounts): string {
  const parts = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
  return parts.length === 0 ? "equal" : parts.join(", ");
}

const describeEntry = (entry: TreeEntry): string =>
  `${entry.kind} of ${entry.size} bytes, mtime ${entry.mtime.toFixed(7)}, ctime ${entry.ctime.toFixed(7)}`;

function describeDifference({ path, kind, disk, view }: Difference): string {
  const sides = [
    disk === undefined ? "" : `disk: ${describeEntry(disk)}`,
    view === undefined ? "" : `view: ${describeEntry(view)}`,
  ];
  return `${kind} ${JSON.stringify(path)} (${sides.filter((side) => side !== "").join("; ")})`;
}

/** The counts, then the first twenty differences, one a line. */
export function describeDifferences(differences: readonly Difference[]): string {
  const lines = differences.slice(0, PRINTED).map(describeDifference);
  if (differences.length > PRINTED) lines.push(`... and ${differences.length - PRINTED} more`);
  return [describeCounts(countDifferences(differences)), ...lines].join("\n  ");
}

export type Comparison =
  | { readonly state: "equal"; readonly entries: number }
  | { readonly state: "different"; readonly differences: readonly Difference[] }
  | { readonly state: "unreadable"; readonly reason: string };

const aboutNames = (difference: Difference): boolean =>
  difference.kind === "missing" || difference.kind === "ghost" || difference.kind === "wrong kind";

/** Looks once. With `namesOnly`, differences of sizes and times are listed, but do not count. */
export async function compareNow(view: ViewClient, root: string, namesOnly = false): Promise<Comparison> {
  const reading = await view.readTree();
  switch (reading.state) {
    case "opening":
      return { state: "unreadable", reason: "the view is not open: no leader has ended its snapshot" };
    case "away":
      return { state: "unreadable", reason: `Fusion does not answer: ${reading.reason}` };
    case "open": {
      const differences = compareTrees(readDisk(root), reading.tree);
      const counting = namesOnly ? differences.filter(aboutNames) : differences;
      return counting.length === 0
        ? { state: "equal", entries: reading.tree.size }
        : { state: "different", differences };
    }
  }
}

export function describeComparison(comparison: Comparison): string {
  switch (comparison.state) {
    case "equal":
      return "equal";
    case "different":
      return describeDifferences(comparison.differences);
    case "unreadable":
      return comparison.reason;
  }
}

export interface ConvergeOptions {
  readonly timeoutMs: number;
  /** Equality has to hold for so long, so that a late row is noticed. Default 400. */
  readonly holdMs?: number;
  /** Sizes and times do not count: for an agent that is known to lose them. */
  readonly namesOnly?: boolean;
}

export type Convergence =
  /** Milliseconds from the call to the first look at which both were equal for good. */
  | { readonly equal: true; readonly tookMs: number; readonly entries: number }
  | { readonly equal: false; readonly last: Comparison };

/** Looks again and again. Nobody may change the disk meanwhile. */
export async function converge(view: ViewClient, root: string, options: ConvergeOptions): Promise<Convergence> {
  const holdMs = options.holdMs ?? 400;
  const begun = performance.now();
  let equalSince: number | undefined;
  for (;;) {
    const before = performance.now();
    const comparison = await compareNow(view, root, options.namesOnly);
    const now = performance.now();
    if (comparison.state !== "equal") equalSince = undefined;
    else {
      equalSince ??= now;
      if (now - equalSince >= holdMs) return { equal: true, tookMs: equalSince - begun, entries: comparison.entries };
    }
    if (equalSince === undefined && now - begun > options.timeoutMs * PATIENCE)
      return { equal: false, last: comparison };
    // A look costs Fusion more than it costs us: it gets at least as much time for its own work.
    await lasting(Math.max(40, now - before), "Fusion's own work");
  }
}

/** As {@link converge}, but throws with the first differences when the time is over. Resolves with the milliseconds it took. */
export async function waitUntilEqual(view: ViewClient, root: string, options: ConvergeOptions): Promise<number> {
  const convergence = await converge(view, root, options);
  if (convergence.equal) return convergence.tookMs;
  throw new Error(`view and disk still differ after ${options.timeoutMs} ms: ${describeComparison(convergence.last)}`);
}
