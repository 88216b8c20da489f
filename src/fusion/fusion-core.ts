import type { Logger } from "../sdk/observer.ts";
import type { FusionClock } from "./fusion-clock.ts";
import type { FusionConfig } from "./fusion-config.ts";
import { type IngestBatch, isJobCompletion, rowCount } from "./ingest-batch.ts";
import type { SessionBody } from "./ingest-validation.ts";
import type { BeatOutcome, IngestOutcome, OpenOutcome, Role, ScanRequestOutcome } from "./outcomes.ts";
import { correctSuspect } from "./sentinel.ts";
import { type Departed, type ScanCommand, type SessionRecord, SessionRegistry } from "./session-registry.ts";
import { type PipeFacts, Topology } from "./topology.ts";
import { canonicalPath } from "./tree-path.ts";
import type { View } from "./view.ts";

/** An agent keeps 16 scans waiting and refuses further ones. */
const MOST_WAITING_COMMANDS = 64;

/**
 * Everything between the routes and the trees: sessions and their roles. No HTTP, no timers. Every method first closes
 * expired sessions, so its result never depends on when the periodic sweep ran.
 */
export class FusionCore {
  readonly #topology: Topology;
  readonly #sessions: SessionRegistry;
  readonly #clock: FusionClock;
  readonly #logger: Logger;
  readonly #newId: () => string;
  /** Time ended a session or emptied a view. No command says so, and any method may find it. */
  onSwept: (() => void) | undefined;

  constructor(config: FusionConfig, clock: FusionClock, logger: Logger, newId: () => string) {
    this.#clock = clock;
    this.#logger = logger;
    this.#newId = newId;
    this.#sessions = new SessionRegistry(clock);
    this.#topology = new Topology(config, clock);
  }

  get views(): ReadonlyMap<string, View> {
    return this.#topology.views;
  }

  get pipes(): ReadonlyMap<string, PipeFacts> {
    return this.#topology.pipes;
  }

  /** Opens a session of a pipe that exists. */
  openSession(pipeId: string, request: SessionBody, clientIp: string | null, id = this.#newId()): OpenOutcome {
    this.sweep();
    const pipe = this.#topology.pipe(pipeId);
    if (!pipe.config.allowConcurrentPush) {
      const locked = pipe.views.find((view) => view.seat.state === "held");
      if (locked?.seat.state === "held")
        return { kind: "locked", view: locked.config.id, holder: locked.seat.sessionId };
    }
    const resumed = this.#resume(pipe, request.resumes);
    const session = this.#sessions.open(id, {
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
    this.#logger.info({ pipe: pipeId, task: request.taskId, role, resumed }, "session opened");
    return { kind: "opened", session, role, resumed };
  }

  /** Whether every view of the pipe was kept for the session that is named. What was kept for another is forgotten. */
  #resume({ views }: PipeFacts, resumes: string | undefined): boolean {
    const resumed = views.length > 0 && views.every((view) => view.isKeptFor(resumes));
    for (const view of views) {
      if (resumed) view.goOn();
      else if (view.isKept) this.#empty(view, "it was kept for another session");
    }
    return resumed;
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
    for (const view of this.#topology.pipe(session.pipeId).views) view.knock(id);
    return { role: this.#roleOf(session), commands, snapshotNeeded: this.#snapshotNeeded(session) };
  }

  closeSession(id: string): void {
    this.sweep();
    const session = this.#sessions.remove(id);
    if (session === undefined) return;
    for (const view of this.#topology.pipe(session.pipeId).views) {
      if (!this.#sessions.hasAny(this.#topology.feedersOf(view))) view.keepFor(id);
    }
    this.#ended([session], "closed");
  }

  /** Undefined when the session is unknown or ran out. */
  ingest(id: string, batch: IngestBatch): IngestOutcome | undefined {
    const session = this.session(id);
    if (session === undefined) return undefined;
    if (isJobCompletion(batch)) {
      this.#completeJob(id, batch.metadata ?? {});
      return { kind: "job-complete" };
    }
    const pipe = this.#topology.pipe(session.pipeId);
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

  /** Begins an audit of the pipe's views, and returns how many there are. */
  startAudit(pipeId: string): number {
    const views = this.#viewsOf(pipeId);
    for (const view of views) view.arbitration.audit.start();
    return views.length;
  }

  finishAudit(pipeId: string): number {
    const views = this.#viewsOf(pipeId);
    for (const view of views) view.arbitration.finishAudit();
    return views.length;
  }

  /** The agent looked at suspects. */
  correct(pipeId: string, updates: readonly unknown[]): number {
    const views = this.#viewsOf(pipeId);
    for (const view of views) for (const update of updates) correctSuspect(view, update);
    return views.length;
  }

  resetView(viewId: string): void {
    this.sweep();
    this.views.get(viewId)?.reset();
  }

  everySession(): readonly SessionRecord[] {
    return this.#sessions.ofPipes(this.pipes.keys());
  }

  /** Sessions of an earlier run go on. */
  adopt(sessions: readonly SessionRecord[]): void {
    for (const session of sessions) this.#sessions.adopt(session);
  }

  /** The highest realtime index that every view of the session's pipe has applied for the session's task. */
  positionOf(session: SessionRecord): number | undefined {
    return this.#topology.positionOf(session.pipeId, session.taskId);
  }

  sessionsOf(view: View): readonly SessionRecord[] {
    this.sweep();
    return this.#sessions.ofPipes(this.#topology.feedersOf(view));
  }

  /** Agents of this view without a session. */
  departedFrom = (view: View): readonly Departed[] => this.#sessions.departedFrom(this.#topology.feedersOf(view));

  lastSeen = (session: SessionRecord): number => this.#sessions.lastSeen(session);

  sessionCountOf(pipeId: string): number {
    this.sweep();
    return this.#sessions.countOf(pipeId);
  }

  /** The pipe of a push key feeds this view. */
  feeds(pipeId: string, view: View): boolean {
    return this.#topology.feeds(pipeId, view);
  }

  /** Asks every session of the view for a scan. */
  requestScan(view: View, path: string, recursive: boolean): ScanRequestOutcome {
    const sessions = this.sessionsOf(view);
    if (sessions.length === 0) return { kind: "nobody" };
    if (sessions.some((session) => session.commands.length >= MOST_WAITING_COMMANDS)) return { kind: "busy" };
    const now = this.#clock.wallSeconds();
    const jobId = this.#newId().slice(0, 8);
    const command: ScanCommand = { type: "scan", path: canonicalPath(path), recursive, job_id: jobId, created_at: now };
    for (const session of sessions) session.commands.push(command);
    const asked = sessions.map((session) => session.id);
    return { kind: "asked", job: view.jobs.open(jobId, command.path, asked, now) };
  }

  /** Closes expired sessions. */
  sweep(): void {
    const expired = this.#sessions.takeExpired();
    if (expired.length > 0) this.#ended(expired, "expired");
    const overdue = [...this.views.values()].filter((view) => view.isOverdue);
    for (const view of overdue) this.#empty(view, "nobody came back for it");
    if (expired.length + overdue.length > 0) this.onSwept?.();
  }

  /** The sessions were removed from the registry. A view without any session is emptied, unless it is kept. */
  #ended(sessions: readonly SessionRecord[], how: "closed" | "expired"): void {
    const left = new Set<View>();
    for (const session of sessions) {
      const pipe = this.#topology.pipe(session.pipeId);
      pipe.statistics.sessionsClosed++;
      for (const view of pipe.views) {
        view.leave(session.id);
        left.add(view);
      }
      this.#logger.info({ pipe: session.pipeId, task: session.taskId, how }, "session ended");
    }
    const isFed = (view: View): boolean => this.#sessions.hasAny(this.#topology.feedersOf(view));
    for (const view of left) if (!isFed(view) && !view.isKept) this.#empty(view, "its last session is gone");
  }

  #viewsOf(pipeId: string): readonly View[] {
    this.sweep();
    return this.pipes.get(pipeId)?.views ?? [];
  }

  #empty(view: View, why: string): void {
    view.reset();
    this.#logger.info({ view: view.config.id }, `view emptied: ${why}`);
  }

  #completeJob(sessionId: string, metadata: Readonly<Record<string, unknown>>): void {
    const jobId = typeof metadata.job_id === "string" ? metadata.job_id : undefined;
    const path = typeof metadata.scan_path === "string" ? canonicalPath(metadata.scan_path) : undefined;
    for (const view of this.views.values()) view.jobs.complete(sessionId, jobId, path, this.#clock.wallSeconds());
  }

  /** A session is leader when it leads any view of its pipe, because that view needs its snapshot. */
  #roleOf(session: SessionRecord): Role {
    return this.#topology.pipe(session.pipeId).views.some((view) => view.isLedBy(session.id)) ? "leader" : "follower";
  }

  #snapshotNeeded(session: SessionRecord): boolean {
    return this.#topology.pipe(session.pipeId).views.some((view) => view.wantsSnapshotOf(session));
  }
}
