/**
 * What a follower tells once when it follows a run of its own that crashed.
 *
 * The dead run may have sent an old reading of a path, or its delete, after the leader had sent a newer one, and died
 * before its own newer one. The leader knows nothing of that. So whatever changed around the crash is told again by
 * live rows in the lifting form. A leader needs none: its snapshot does the same.
 */
import { type AuditOptions, type BulkRows, type Change, describeError, type Row } from "../../sdk/index.ts";
import type { LiveItem } from "../encode/envelope-builder.ts";
import type { Batch } from "../send/batch.ts";
import { liveBatches } from "../send/live.ts";
import type { BulkJob, Reading, Retry, Run } from "./bulk-job.ts";
import type { BulkParts } from "./bulk-parts.ts";
import type { Cut } from "./bulk-reader.ts";
import { BulkRunner } from "./runner.ts";

/** `since`: epoch second of the change time. */
interface RestatementOrder {
  readonly since: number;
}

export class RestatementJob implements BulkJob<RestatementOrder> {
  readonly runner: BulkRunner<RestatementOrder>;
  readonly #parts: BulkParts;
  /** What is owed, from `begin` to the end. */
  #owed: RestatementOrder | undefined;
  #rows = 0;

  constructor(parts: BulkParts) {
    this.#parts = parts;
    this.runner = new BulkRunner(this, parts);
  }

  /** `since`: epoch second of the change time. */
  begin(since: number): void {
    this.cancel();
    this.#owed = { since };
    this.#parts.news.raise();
  }

  /** Nothing more is sent. */
  cancel(): void {
    this.#owed = undefined;
    this.runner.cancel();
  }

  async close(): Promise<void> {
    this.cancel();
    await this.runner.close();
  }

  take(): RestatementOrder | undefined {
    this.#rows = 0;
    return this.#owed;
  }

  open({ since }: RestatementOrder, { signal }: AuditOptions): BulkRows {
    const { source } = this.#parts;
    return source.changedSince?.(since, { signal }) ?? source.getSnapshotIterator({ signal, strongSince: since });
  }

  reading(): Reading {
    return { limits: this.#parts.pace, strongRows: "lifted" };
  }

  /** Rows that are not strong are left out. */
  frame(_: Run<RestatementOrder>, { lifted }: Cut): readonly Batch[] {
    const { pace, context } = this.#parts;
    this.#rows += lifted.length;
    return liveBatches(
      lifted.map((row) => this.#item(row)),
      pace,
      context,
    );
  }

  endOf(): undefined {
    return undefined;
  }

  ended(): void {
    this.#owed = undefined;
    this.#parts.logger.info({ rows: this.#rows }, "what changed around the end of the run before was told again");
    this.#parts.emit({ kind: "restated" });
  }

  failed(_: Run<RestatementOrder>, error: unknown): Retry {
    const reason = describeError(error);
    return { level: "info", text: `what changed around the end of the run before is told later: ${reason}` };
  }

  #item(row: Row): LiveItem {
    const isContainer = row.is_directory === true;
    // The sequence only says which rows in bulk a change supersedes: none, they are all of this state.
    const change: Change = { op: "update", key: String(row.path), row, sequence: 0, isContainer };
    return { change, index: this.#parts.bus.committedIndex, lift: true };
  }
}
