import { Arbitration, type ArbitrationDump } from "./arbitration.ts";
import { isComplete, leads, nextSeat, type Seat, type SeatEvent, VACANT, wantsSnapshot } from "./election.ts";
import type { FusionClock } from "./fusion-clock.ts";
import type { ViewConfig } from "./fusion-config.ts";
import type { IngestBatch } from "./ingest-batch.ts";
import { ScanJobs } from "./scan-jobs.ts";
import type { SessionRecord } from "./session-registry.ts";

/** The shortest life of a tombstone. */
const TOMBSTONE_SECONDS = 3600;

interface Kept {
  readonly sessionId: string;
  readonly untilMs: number;
}

export interface ViewDump {
  readonly seat: Seat;
  readonly rows: number;
  readonly kept: Kept | null;
  readonly positions: readonly (readonly [string, number])[];
  readonly arbitration: ArbitrationDump;
}

/** One view: the tree, who leads it, and what its sessions have committed. Its life ends with its last session. */
export class View {
  readonly config: ViewConfig;
  readonly arbitration: Arbitration;
  readonly jobs = new ScanJobs();
  readonly #clock: FusionClock;
  readonly #positions = new Map<string, number>();
  #seat: Seat = VACANT;
  #rows = 0;
  /** Whose session left it complete, while it is kept without any; until when (monotonic ms). */
  #kept: Kept | undefined;

  constructor(config: ViewConfig, clock: FusionClock) {
    this.config = config;
    this.#clock = clock;
    this.arbitration = new Arbitration({
      clock,
      hotFileSeconds: config.hotFileThresholdSeconds,
      tombstoneSeconds: config.tombstoneSeconds ?? TOMBSTONE_SECONDS,
    });
  }

  get seat(): Seat {
    return this.#seat;
  }

  /** Rows applied in this view's life. */
  get rows(): number {
    return this.#rows;
  }

  /** The leader has ended a snapshot, so the tree may be read. */
  get ready(): boolean {
    return isComplete(this.#seat);
  }

  isLedBy(sessionId: string): boolean {
    return leads(this.#seat, sessionId);
  }

  /** The session becomes leader if the view has none. */
  knock(sessionId: string): void {
    this.#advance({ type: "knock", sessionId, nowMs: this.#clock.monotonicMs() });
  }

  /** The leader is about to close its session, the last one: what it leaves is kept for it. False when it is not. */
  keepFor(sessionId: string): boolean {
    const { retentionSeconds = 0 } = this.config;
    if (retentionSeconds === 0 || !this.isLedBy(sessionId) || !this.ready) return false;
    this.#kept = { sessionId, untilMs: this.#clock.monotonicMs() + retentionSeconds * 1000 };
    return true;
  }

  /** It holds exactly what this session left. */
  isKeptFor(sessionId: string | undefined): boolean {
    return this.#kept !== undefined && this.#kept.sessionId === sessionId;
  }

  /** It was kept for as long as it may be. */
  get isOverdue(): boolean {
    return this.#kept !== undefined && this.#clock.monotonicMs() >= this.#kept.untilMs;
  }

  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** A session goes on from what was kept. */
  goOn(): void {
    this.#kept = undefined;
  }

  leave(sessionId: string): void {
    this.#advance({ type: "left", sessionId });
    this.jobs.drop(sessionId, this.#clock.wallSeconds());
  }

  wantsSnapshotOf(session: SessionRecord): boolean {
    if (!this.isLedBy(session.id)) return false;
    return wantsSnapshot(this.#seat, this.#clock.monotonicMs(), (session.timeoutSeconds * 1000) / 2);
  }

  apply(batch: IngestBatch, session: SessionRecord): void {
    for (const event of batch.events) {
      this.arbitration.apply(event);
      this.#rows += event.rows.length;
      if (event.messageSource === "realtime" && event.index >= 0) this.#commit(session.taskId, event.index);
    }
    if (batch.sourceType === "snapshot") {
      this.#advance({ type: "snapshot-batch", sessionId: session.id, isEnd: batch.isEnd });
    } else if (batch.sourceType === "audit" && batch.isEnd) {
      this.arbitration.finishAudit();
    }
  }

  /** The highest realtime index of a task in this view's life. */
  positionOf(taskId: string): number | undefined {
    return this.#positions.get(taskId);
  }

  /**
   * Forgets everything, because the last session is gone or an operator asked for it. The view asks its leader for a
   * new snapshot.
   */
  reset(): void {
    this.#kept = undefined;
    this.arbitration.reset();
    this.#positions.clear();
    this.#rows = 0;
    this.#advance({ type: "view-emptied" });
  }

  /** All but the tree. */
  dump(): ViewDump {
    const [arbitration, positions] = [this.arbitration.dump(), [...this.#positions]];
    return { seat: this.#seat, rows: this.#rows, kept: this.#kept ?? null, positions, arbitration };
  }

  /** The tree is restored by itself. */
  restore({ seat, rows, kept, positions, arbitration }: ViewDump): void {
    this.#seat = seat;
    this.#rows = rows;
    this.#kept = kept ?? undefined;
    for (const [task, position] of positions) this.#positions.set(task, position);
    this.arbitration.restore(arbitration);
  }

  #commit(taskId: string, index: number): void {
    if (index > (this.#positions.get(taskId) ?? -1)) this.#positions.set(taskId, index);
  }

  #advance(event: SeatEvent): void {
    this.#seat = nextSeat(this.#seat, event);
  }
}
