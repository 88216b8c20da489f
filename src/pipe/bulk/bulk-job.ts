/** What a job in bulk has to say to the runner that carries it out. */
import type { AuditOptions, BulkRows } from "../../sdk/index.ts";
import type { TombstonesInBulk } from "../receiver/tombstones.ts";
import type { Batch } from "../send/batch.ts";
import type { BatchSize } from "../send/work-item.ts";
import type { BulkReader, Cut, StrongRows } from "./bulk-reader.ts";
import type { SupersededView } from "./superseded.ts";

/** One pass of a job, from its beginning to its end. */
export interface Run<O> {
  readonly order: O;
  readonly reader: BulkReader;
  /** Rows that a live change supersedes. */
  readonly superseded: SupersededView;
  /** The first batch was accepted: everything may be read. */
  isOpen: boolean;
  /** The receiver refused a row for its content. */
  isSpoilt: boolean;
}

/** What a job wants its reader to leave out or to send in another form. */
export interface Reading {
  readonly limits: BatchSize;
  readonly tombstones?: TombstonesInBulk | undefined;
  readonly strongRows?: StrongRows | undefined;
  /** The job filters what was superseded itself. */
  readonly keepsSuperseded?: boolean;
}

/** After a failure: the run is taken up anew after a pause, and the log says why. */
export interface Retry {
  readonly level: "info" | "warn";
  readonly text: string;
}

/** Something to be sent without a pass. */
export interface Ending {
  readonly batch: Batch;
  readonly delivered?: () => void;
}

export interface BulkJob<O> {
  /** What is to be done next; asked when nothing runs. A pass begins with it. */
  take(): O | undefined;
  /** What is to be sent before that, without a pass. */
  takeEnding?(): Ending | undefined;
  open(order: O, call: AuditOptions): BulkRows;
  reading(order: O): Reading;
  /** The first batch goes alone, and nothing supersedes what was read before it was accepted. */
  readonly gate?: (order: O) => "none" | "first batch" | "first batch, which may be superseded";
  /** Batches of rows that were cut; none when all of them are left out. */
  frame(run: Run<O>, cut: Cut): readonly Batch[];
  /** The phase that is ended by a signal; undefined = the run is over without one. */
  endOf(run: Run<O>): "snapshot" | "audit" | undefined;
  /** The receiver accepted the end signal, perhaps of a run that was cancelled meanwhile. */
  endAccepted?(run: Run<O>): void;
  /** The run is over. */
  ended(run: Run<O>): void;
  /** The run was given up before its end: it failed, it was refused, or it was cancelled. */
  cutShort?(run: Run<O>): void;
  /** After `cutShort`. Undefined = it is not to be repeated. */
  failed(run: Run<O>, error: unknown, failures: number): Retry | undefined;
  /** After `cutShort`: everything was sent, but the receiver refused rows of it. */
  refused?(run: Run<O>): void;
}
