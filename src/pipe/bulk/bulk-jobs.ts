/**
 * All work in bulk of a session, and what goes first.
 *
 * A scan that the receiver asked for goes before everything else. A snapshot leaves no room for an audit, nor for a
 * rescan unless it is paused. An audit and a rescan never run side by side: the end of either answers for all that the
 * receiver has seen.
 */
import type { Role } from "../../sdk/index.ts";
import type { BulkGate } from "../send/bulk-gate.ts";
import type { WorkItem } from "../send/work-item.ts";
import { AuditJob, type AuditParts } from "./audit.ts";
import type { BulkParts } from "./bulk-parts.ts";
import { OpenAudit } from "./open-audit.ts";
import { RescanJob, type RescanParts } from "./rescan.ts";
import { RestatementJob } from "./restatement.ts";
import { ScanJob, type ScanParts } from "./scans.ts";
import { SnapshotJob, type SnapshotParts } from "./snapshot.ts";

type Own<P> = Omit<P, keyof BulkParts | "openAudit">;

/** What each job needs beside the parts that all of them share. */
export interface JobParts {
  readonly snapshot: Own<SnapshotParts>;
  readonly audit: Own<AuditParts>;
  readonly rescan: Own<RescanParts>;
  readonly scans: Own<ScanParts>;
}

export class BulkJobs {
  readonly snapshot: SnapshotJob;
  readonly audit: AuditJob;
  readonly rescan: RescanJob;
  readonly restatement: RestatementJob;
  readonly scans: ScanJob;
  /** Holds back what the receiver did not ask for. */
  readonly #gate: BulkGate;

  constructor(shared: BulkParts, gate: BulkGate, { snapshot, audit, rescan, scans }: JobParts) {
    this.#gate = gate;
    const openAudit = new OpenAudit();
    this.snapshot = new SnapshotJob({ ...shared, ...snapshot });
    this.audit = new AuditJob({ ...shared, ...audit, openAudit });
    this.rescan = new RescanJob({ ...shared, ...rescan, openAudit });
    this.restatement = new RestatementJob(shared);
    this.scans = new ScanJob({ ...shared, ...scans });
  }

  /** `role`: of this moment. */
  next(role: Role): WorkItem | undefined {
    const scan = this.scans.runner.next();
    if (scan !== undefined || !this.#gate.mayPass()) return scan;
    const item = this.snapshot.next() ?? this.restatement.runner.next();
    if (item !== undefined || this.snapshot.state === "running") return item;
    const other = this.#nextAudit(role);
    // The rescan's end removes what the paused pass may have read before it was gone.
    if (this.rescan.isBusy) this.snapshot.outdate("directories are told again");
    return other;
  }

  /**
   * A row was refused for its content: of an audit or a rescan, or a live one in whose favour they leave their own out.
   */
  spoil(): void {
    this.audit.runner.spoil();
    this.rescan.runner.spoil();
  }

  /** The source came back: pauses after failures are cut short. */
  wake(): void {
    this.snapshot.runner.wake();
    this.audit.runner.wake();
  }

  /** Resolves when the source is left alone. */
  async close(): Promise<void> {
    const jobs = [this.snapshot, this.audit, this.rescan, this.restatement, this.scans];
    await Promise.all(jobs.map((job) => job.close()));
  }

  #nextAudit(role: Role): WorkItem | undefined {
    const { state } = this.audit;
    const isAuditing = state === "running" || state === "pausing";
    if (this.rescan.isBusy || !isAuditing) {
      const item = this.rescan.next(role);
      if (item !== undefined || this.rescan.isBusy) return item;
    }
    return this.audit.runner.next();
  }
}
