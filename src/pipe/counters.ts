/**
 * Everything that a pipe counts over all its sessions, written down once: the types of the status, its first values,
 * the lines for people in `status` and on the status page, and docs/counters.md come from this table.
 */
export interface Counter {
  readonly unit: string;
  readonly help: string;
  /** What stands behind the number in a line for people; without it the number stands in the JSON alone. */
  readonly shown?: string;
}

export const COUNTERS = {
  pipe: {
    batchesSent: { unit: "batches", help: "The receiver accepted them." },
    failures: { unit: "calls", help: "Calls to the receiver that failed: sessions, heartbeats and batches." },
    poisonRows: { unit: "rows", help: "The receiver refuses them, so they are left out.", shown: "rows refused" },
    changesLost: {
      unit: "times",
      help: "Changes were lost, as the receiver was too slow or the source's stream was interrupted: a snapshot followed.",
      shown: "times fallen behind",
    },
  },
  rowsSent: {
    message: { unit: "rows", help: "Rows of realtime changes that the receiver accepted." },
    snapshot: { unit: "rows", help: "Rows of snapshots that the receiver accepted." },
    audit: { unit: "rows", help: "Rows of audits that the receiver accepted." },
    on_demand_job: { unit: "rows", help: "Rows of scans that the receiver accepted." },
  },
  audit: {
    runs: { unit: "audits", help: "The receiver accepted their end.", shown: "complete" },
    cutShort: { unit: "audits", help: "Given up before their end: nothing followed from them.", shown: "cut short" },
  },
  sentinel: {
    rounds: { unit: "questions", help: "Questions for suspects that were answered." },
    checked: { unit: "paths", help: "Suspects that were looked at.", shown: "checked" },
    missing: { unit: "paths", help: "Suspects that were gone.", shown: "gone" },
    failures: { unit: "questions", help: "Questions that could not be asked or answered.", shown: "questions failed" },
  },
  scans: {
    done: { unit: "scans", help: "Scans that Fusion asked for and got.", shown: "done" },
    failed: { unit: "scans", help: "Scans that the source could not carry out.", shown: "failed" },
    refused: { unit: "scans", help: "Outside the root, or too many at once.", shown: "refused" },
  },
  rescans: {
    runs: { unit: "rescans", help: "Rescans that ended.", shown: "complete" },
    directories: { unit: "directories", help: "Directories whose rows were sent again.", shown: "directories" },
    rows: { unit: "rows", help: "Rows that rescans sent." },
    cutShort: {
      unit: "rescans",
      help: "Given up before their end: the next rescan sends their directories, or a snapshot does.",
      shown: "cut short",
    },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Counter>>>>;

export type CounterGroup = keyof typeof COUNTERS;

/** How often each thing of a group was counted, while it is counted. */
export type Counting<G extends CounterGroup> = Record<keyof (typeof COUNTERS)[G], number>;

/** The same, to be looked at. */
export type Counts<G extends CounterGroup> = Readonly<Counting<G>>;

const entriesOf = (group: CounterGroup): readonly (readonly [string, Counter])[] => Object.entries(COUNTERS[group]);

/** Nothing was counted yet. */
export const zeroCounts = <G extends CounterGroup>(group: G): Counting<G> =>
  Object.fromEntries(entriesOf(group).map(([name]) => [name, 0])) as Counting<G>;

export interface ShownCount {
  readonly name: string;
  readonly value: number;
  readonly text: string;
}

/** The counts of a group that people see. */
export const shownCounts = <G extends CounterGroup>(group: G, counts: Counts<G>): readonly ShownCount[] =>
  entriesOf(group).flatMap(([name, { shown }]) =>
    shown === undefined ? [] : [{ name, value: counts[name as keyof Counts<G>], text: shown }],
  );

/** Whether anything of a group was counted. */
export const hasCounted = <G extends CounterGroup>(group: G, counts: Counts<G>): boolean =>
  entriesOf(group).some(([name]) => counts[name as keyof Counts<G>] > 0);
