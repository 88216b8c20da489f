/** The comparison of a source with what its receiver holds, from the first listing to the verdict. */
import { type ComparableTree, isFustorError } from "../sdk/index.ts";
import { type ComparedUnit, compareUnits, lookAt, type NotCompared, type UnitBounds } from "./compare-units.ts";
import { type ComparedMembers, type Difference, type DifferenceKind, differenceOf } from "./difference.ts";
import { patientTree } from "./patient-tree.ts";
import { Unsettled } from "./unsettled.ts";

/** When so many differences wait they are looked at again at once: memory is bounded. */
const MOST_WAITING = 20_000;

export interface VerificationOptions {
  readonly disk: ComparableTree;
  readonly view: ComparableTree;
  readonly members: ComparedMembers;
  /** Only what stands at this path and below it. */
  readonly from: string;
  /** How long differences are looked at again, and calls that fail are repeated. */
  readonly settleMs: number;
  readonly signal: AbortSignal;
  /** Paths, each with the reason: what differs there and below counts as not compared. */
  readonly excused?: ReadonlyMap<string, string>;
  readonly bounds?: UnitBounds;
  /** Nothing at `from` on both sides is equal: default is that nothing was compared then. */
  readonly isAbsenceEqual?: boolean;
  /** Each difference that stayed; as they are found, in no order. */
  onDifference(difference: Difference): Promise<void>;
  onNotCompared(notCompared: NotCompared): Promise<void>;
  /** So many differences are about to be looked at again. */
  onSettle?(waiting: number): Promise<void>;
  onProgress?(tally: Readonly<Tally>, waiting: number): void;
}

export interface Tally {
  /** Entries that were compared, as they are on the disk. */
  entries: number;
  readonly differences: Record<DifferenceKind, number>;
  /** Differences that were on their way. */
  settled: number;
  /** Entries that changed all the time while the view followed. */
  followed: number;
  notCompared: number;
}

export interface Verdict extends Readonly<Tally> {
  /** `incomplete`: not everything could be compared, and nothing that was differs. */
  readonly outcome: "equal" | "different" | "incomplete";
  /** The signal came first; differences may have been on their way. */
  readonly interrupted: boolean;
  readonly elapsedMs: number;
}

/** A path that was misspelled must not look like a proof. */
const NOWHERE = "nothing stands there on either side";

const noDifferences = (): Record<DifferenceKind, number> => ({ missing: 0, ghost: 0, kind: 0, size: 0, mtime: 0 });

export const countOf = ({ differences }: Pick<Tally, "differences">): number =>
  Object.values(differences).reduce((sum, count) => sum + count, 0);

class Verification {
  readonly tally: Tally = { entries: 0, differences: noDifferences(), settled: 0, followed: 0, notCompared: 0 };
  readonly #options: VerificationOptions;
  readonly #sides: Pick<VerificationOptions, "members" | "signal"> &
    Record<"disk" | "view", Pick<ComparableTree, "list">>;
  readonly #unsettled: Unsettled;
  readonly #excused = new Set<string>();

  constructor(options: VerificationOptions) {
    const { disk, view, settleMs, members, signal } = options;
    this.#options = options;
    const patient = { disk: patientTree(disk, settleMs), view: patientTree(view, settleMs) };
    this.#sides = { ...patient, members, signal };
    this.#unsettled = new Unsettled(this.#sides);
  }

  async run(): Promise<void> {
    const { from, bounds } = this.#options;
    await this.#take(await this.#top(from));
    const parts = bounds === undefined ? this.#sides : { ...this.#sides, bounds };
    await compareUnits(from, parts, (unit) => this.#take(unit));
    await this.#settle();
  }

  /** What was found and not looked at again. */
  async leave(): Promise<void> {
    for (const difference of this.#unsettled.differences) await this.#stays(difference);
  }

  async #top(from: string): Promise<ComparedUnit> {
    const { disk, view } = await lookAt(from, this.#sides);
    const difference = differenceOf(disk.self, view, this.#sides.members);
    const isUnknown = disk.unknown.has(from);
    const differences = difference === undefined || (isUnknown && difference.kind === "ghost") ? [] : [difference];
    const isNowhere = disk.self === undefined && view === undefined && !isUnknown;
    const notCompared = isNowhere && this.#options.isAbsenceEqual !== true ? [{ path: from, reason: NOWHERE }] : [];
    return { entries: disk.self === undefined ? 0 : 1, differences, notCompared };
  }

  async #take({ entries, differences, notCompared }: ComparedUnit): Promise<void> {
    this.tally.entries += entries;
    for (const each of notCompared) await this.#leaveOut(each);
    for (const difference of differences) {
      const excuse = this.#excuseFor(difference.path);
      if (excuse === undefined) this.#unsettled.add(difference);
      else if (!this.#excused.has(excuse.path)) {
        this.#excused.add(excuse.path);
        await this.#leaveOut(excuse);
      }
    }
    this.#options.onProgress?.(this.tally, this.#unsettled.size);
    if (this.#unsettled.size < MOST_WAITING) return;
    await this.#settle();
  }

  #excuseFor(path: string): NotCompared | undefined {
    for (const [place, reason] of this.#options.excused ?? []) {
      if (path === place || path.startsWith(`${place}/`)) return { path: place, reason };
    }
    return undefined;
  }

  async #settle(): Promise<void> {
    const { settleMs, onSettle } = this.#options;
    if (this.#unsettled.size > 0 && settleMs > 0) await onSettle?.(this.#unsettled.size);
    const { different, notCompared, settled, followed } = await this.#unsettled.settle(settleMs);
    this.tally.settled += settled;
    this.tally.followed += followed;
    for (const each of notCompared) await this.#leaveOut(each);
    for (const difference of different) await this.#stays(difference);
  }

  async #leaveOut(notCompared: NotCompared): Promise<void> {
    this.tally.notCompared++;
    await this.#options.onNotCompared(notCompared);
  }

  async #stays(difference: Difference): Promise<void> {
    this.tally.differences[difference.kind]++;
    await this.#options.onDifference(difference);
  }
}

/** Rejects when one of the sides cannot be listed; an abort is no failure but ends it. */
export async function verifyTrees(options: VerificationOptions): Promise<Verdict> {
  const begun = performance.now();
  const verification = new Verification(options);
  let interrupted = false;
  try {
    await verification.run();
  } catch (error) {
    if (!isFustorError(error, "FUSTOR_ABORTED") || !options.signal.aborted) throw error;
    interrupted = true;
    await verification.leave();
  }
  const { tally } = verification;
  const isWhole = !interrupted && tally.notCompared === 0;
  const outcome = countOf(tally) > 0 ? "different" : isWhole ? "equal" : "incomplete";
  return { ...tally, outcome, interrupted, elapsedMs: performance.now() - begun };
}
