import type { Logger } from "../sdk/observer.ts";
import type { FusionClock } from "./fusion-clock.ts";
import type { FusionConfig, PipeConfig } from "./fusion-config.ts";
import { type IngestBatch, isJobCompletion, rowCount } from "./ingest-batch.ts";
import type { SessionBody } from "./ingest-validation.ts";
import type { ScanJob } from "./scan-jobs.ts";
import { type ScanCommand, type SessionRecord, SessionRegistry } from "./session-registry.ts";
import { canonicalPath } from "./tree-path.ts";
import { View } from "./view.ts";

export type Role = "leader" | "follower";

export type OpenOutcome =
  | { readonly kind: "opened"; readonly session: SessionRecord; readonly role: Role }
  | { readonly kind: "locked"; readonly view: string; readonly holder: string };

export interface BeatOutcome {
  readonly role: Role;
  readonly commands: readonly ScanCommand[];
  readonly snapshotNeeded: boolean;
}

export type IngestOutcome =
  | { readonly kind: "applied"; readonly snapshotNeeded: boolean }
  | { readonly kind: "job-complete" };

export interface PipeFacts {
  readonly config: PipeConfig;
  readonly views: readonly View[];
  readonly statistics: {
    batches: number;
    events: number;
    rows: number;
    sessionsOpened: number;
    sessionsClosed: number;
  };
}

/**
 * Everything between the routes and the trees: sessions, roles, and which pipe feeds which view. No HTTP, no timers.
 *
 * Every entry point first closes the sessions that ran out, so what a caller sees never depends on when the sweep last ran.
 */
export class FusionCore {
  readonly views = new Map<string, View>();
  readonly pipes = new Map<string, PipeFacts>();
  readonly #sessions: SessionRegistry;
  readonly #clock: FusionClock;
  readonly #logger: Logger;
  readonly #newId: () => string;

  constructor(config: FusionConfig, clock: FusionClock, logger: Logger, newId: () => string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#newId = newId;
    this.#sessions = new SessionRegistry(clock, newId);
    for (const view of config.views.values()) this.views.set(view.id, new View(view, clock));
    for (const pipe of config.pipes.values()) {
      const views = pipe.views.flatMap((id) => this.views.get(id) ?? []);
      const statistics = { batches: 0, events: 0, rows: 0, sessionsOpened: 0, sessionsClosed: 0 };
      this.pipes.set(pipe.id, { config: pipe, views, statistics });
    }
  }

  /** Opens a session of a pipe that exists. */
  openSession(pipeId: string, request: SessionBody, clientIp: string | null): OpenOutcome {
    this.sweep();
    const pipe = this.#pipe(pipeId);
    if (!pipe.config.allowConcurrentPush) {
      const locked = pipe.views.find((view) => view.seat.state === "held");
      if (locked?.seat.state === "held")
        return { kind: "locked", view: locked.config.id, holder: locked.seat.sessionId };
    }
    const session = this.#sessions.open({
      pipeId,
      taskId: request.taskId,
      sourceUri: request.sourceUri,
      clientIp,
      timeoutSeconds: request.timeoutSeconds ?? pipe.config.sessionTimeoutSeconds,
    });
    for (const view of pipe.views) {
      view.knock(session.id);
      view.arbitration.forgetAudit();
    }
    pipe.statistics.sessionsOpened++;
    const role = this.#roleOf(session);
    this.#logger.info({ pipe: pipeId, task: request.taskId, role }, "session opened");
    return { kind: "opened", session, role };
  }

  session(id: string): SessionRecord | undefined {
    this.sweep();
    return this.#sessions.get(id);
  }

  /** Undefined when the session is unknown or ran out. */
  heartbeat(id: string, canRealtime: boolean | undefined): BeatOutcome | undefined {
    const session = this.session(id);
    if (session === undefined) return undefined;
    const commands = this.#sessions.beat(session, canRealtime);
    for (const view of this.#pipe(session.pipeId).views) view.knock(id);
    return { role: this.#roleOf(session), commands, snapshotNeeded: this.#snapshotNeeded(session) };
  }

  closeSession(id: string): void {
    this.sweep();
    this.#close(id, "closed");
  }

  /** Undefined when the session is unknown or ran out, except for the end of a scan, which nobody has to be alive for. */
  ingest(id: string, batch: IngestBatch): IngestOutcome | undefined {
    const session = this.session(id);
    if (isJobCompletion(batch)) {
      this.#completeJob(id, batch.metadata ?? {});
      return { kind: "job-complete" };
    }
    if (session === undefined) return undefined;
    const pipe = this.#pipe(session.pipeId);
    for (const view of pipe.views) view.apply(batch, session);
    const rows = rowCount(batch);
    pipe.statistics.batches++;
    pipe.statistics.events += batch.events.length;
    pipe.statistics.rows += rows;
    session.batches++;
    session.rows += rows;
    session.snapshotSyncSuggested = batch.snapshotSyncSuggested;
    if (batch.isSnapshotEnd || (batch.sourceType === "snapshot" && batch.isEnd)) session.snapshotEnds++;
    return { kind: "applied", snapshotNeeded: this.#snapshotNeeded(session) };
  }

  /** The highest realtime index that every view of the session's pipe has taken from the session's task. */
  positionOf(session: SessionRecord): number | undefined {
    let lowest: number | undefined;
    for (const view of this.#pipe(session.pipeId).views) {
      const position = view.positionOf(session.taskId);
      if (position === undefined) return undefined;
      lowest = Math.min(lowest ?? position, position);
    }
    return lowest;
  }

  sessionsOf(view: View): readonly SessionRecord[] {
    this.sweep();
    return this.#sessions.ofPipes(this.#feeders(view));
  }

  sessionsOfPipe(pipeId: string): readonly SessionRecord[] {
    this.sweep();
    return this.#sessions.ofPipe(pipeId);
  }

  roleIn(view: View, session: SessionRecord): Role {
    return view.isLedBy(session.id) ? "leader" : "follower";
  }

  /** Asks every session of the view for a scan; undefined when there is none. */
  requestScan(view: View, path: string, recursive: boolean): ScanJob | undefined {
    const sessions = this.sessionsOf(view);
    if (sessions.length === 0) return undefined;
    const now = this.#clock.wallSeconds();
    const jobId = this.#newId().slice(0, 8);
    const command: ScanCommand = { type: "scan", path: canonicalPath(path), recursive, job_id: jobId, created_at: now };
    for (const session of sessions) session.commands.push(command);
    return view.jobs.open(
      jobId,
      command.path,
      sessions.map((session) => session.id),
      now,
    );
  }

  /** Closes the sessions that ran out. */
  sweep(): void {
    if (this.#sessions.size === 0) return;
    for (const session of this.#sessions.expired()) this.#close(session.id, "expired");
  }

  #close(id: string, how: "closed" | "expired"): void {
    const session = this.#sessions.remove(id);
    if (session === undefined) return;
    const pipe = this.#pipe(session.pipeId);
    pipe.statistics.sessionsClosed++;
    for (const view of pipe.views) {
      view.leave(id);
      const others = this.#sessions.ofPipes(this.#feeders(view));
      if (others.length > 0) continue;
      view.reset();
      this.#logger.info({ view: view.config.id }, "view emptied: its last session is gone");
    }
    this.#logger.info({ pipe: session.pipeId, task: session.taskId, how }, "session ended");
  }

  #completeJob(sessionId: string, metadata: Readonly<Record<string, unknown>>): void {
    const jobId = typeof metadata.job_id === "string" ? metadata.job_id : undefined;
    const path = typeof metadata.scan_path === "string" ? canonicalPath(metadata.scan_path) : undefined;
    for (const view of this.views.values()) view.jobs.complete(sessionId, jobId, path, this.#clock.wallSeconds());
  }

  /** Leader when it leads any view of its pipe: that view needs its snapshot. */
  #roleOf(session: SessionRecord): Role {
    return this.#pipe(session.pipeId).views.some((view) => view.isLedBy(session.id)) ? "leader" : "follower";
  }

  #snapshotNeeded(session: SessionRecord): boolean {
    return this.#pipe(session.pipeId).views.some((view) => view.wantsSnapshotOf(session));
  }

  #feeders(view: View): ReadonlySet<string> {
    const feeders = new Set<string>();
    for (const [id, pipe] of this.pipes) if (pipe.views.includes(view)) feeders.add(id);
    return feeders;
  }

  #pipe(id: string): PipeFacts {
    const pipe = this.pipes.get(id);
    if (pipe === undefined) throw new Error(`pipe ${id} is not configured`);
    return pipe;
  }
}
