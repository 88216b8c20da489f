/**
 * The far side in memory, with the rules that matter to an agent: first come first served leadership, sessions that expire
 * without heartbeats, tombstones, realtime over snapshot, and a view that is reset with its last session.
 */
import type { Row } from "../changes.ts";
import type { Acknowledgement } from "../envelope.ts";
import { FustorError } from "../errors.ts";
import type { Command, HeartbeatAnswer, Role, Session, SessionRequest } from "../session.ts";

/** The parts of a received event that count here. */
interface IncomingEvent {
  readonly eventType: string;
  readonly messageSource: string;
  readonly index: number;
  readonly rows: readonly Row[];
}

export interface IncomingEnvelope {
  readonly sessionId: string;
  readonly sourceType: string;
  readonly isEnd: boolean;
  readonly events: readonly IncomingEvent[];
}

export interface FakeFusionOptions {
  /** Default 30,000. */
  readonly sessionTimeoutMs?: number;
  /** Tells the latest index, as the embedded Fusion; the real one does not. Default false. */
  readonly tellsIndex?: boolean;
  /** Says `snapshotNeeded` to a leader until a snapshot ended. Default false. */
  readonly asksForSnapshot?: boolean;
}

export interface ViewNode {
  readonly modifiedTime: number;
  readonly size: number;
  readonly isDirectory: boolean;
  readonly auditSkipped: boolean;
}

interface OpenSession {
  readonly taskId: string;
  lastBeat: number;
}

const parentOf = (path: string): string | undefined =>
  path === "/" ? undefined : path.slice(0, path.lastIndexOf("/")) || "/";
const isBelow = (path: string, directory: string): boolean =>
  path !== directory && path.startsWith(directory === "/" ? "/" : `${directory}/`);

export class FakeFusion {
  readonly view = new Map<string, ViewNode>();
  readonly #tombstones = new Map<string, number>();
  readonly #sessions = new Map<string, OpenSession>();
  readonly #indexes = new Map<string, number>();
  readonly #timeoutMs: number;
  readonly #tellsIndex: boolean;
  readonly #asks: boolean;
  #leader: string | undefined;
  #created = 0;
  #commands: Command[] = [];
  /** Ends of snapshots that counted, since the last reset. */
  ends = 0;
  /** The view may be asked: its leader ended a snapshot. */
  isComplete = false;
  resets = 0;
  /** Audits that were ended, and the paths that they removed. */
  audits = 0;
  readonly removedByAudits: string[] = [];
  /** Paths an audit told about, and those that live rows touched since it began; undefined = none has begun. */
  #audit: { readonly seen: Set<string>; readonly touched: Set<string> } | undefined;
  /** Added to every heartbeat answer. */
  clockSkewMs: number | undefined;
  /** Refuses further sessions as if another agent held the pipe. */
  isTaken = false;
  asksForSnapshotOnce = false;
  /** Told with each session. */
  intervals: Pick<Session, "auditIntervalMs" | "sentinelIntervalMs"> = {};

  constructor(options: FakeFusionOptions = {}) {
    this.#timeoutMs = options.sessionTimeoutMs ?? 30_000;
    this.#tellsIndex = options.tellsIndex ?? false;
    this.#asks = options.asksForSnapshot ?? false;
  }

  get sessions(): string[] {
    return [...this.#sessions.keys()];
  }

  get leader(): string | undefined {
    return this.#leader;
  }

  send(command: Command): void {
    this.#commands.push(command);
  }

  /** Gives the leadership to somebody else (undefined: nobody). */
  appoint(sessionId: string | undefined): void {
    this.#leader = sessionId;
  }

  /** As if it had timed out. */
  expire(sessionId: string): void {
    this.#end(sessionId);
  }

  createSession(request: SessionRequest): Session {
    this.#expireSessions();
    if (this.isTaken)
      throw new FustorError("FUSTOR_SESSION_CONFLICT", "another agent holds the pipe", { retryable: true });
    const sessionId = `session-${++this.#created}-of-${request.taskId}`;
    this.#sessions.set(sessionId, { taskId: request.taskId, lastBeat: performance.now() });
    this.#leader ??= sessionId;
    this.#audit = undefined;
    return { sessionId, role: this.#roleOf(sessionId), sessionTimeoutMs: this.#timeoutMs, ...this.intervals };
  }

  heartbeat(sessionId: string): HeartbeatAnswer {
    this.#expireSessions();
    const session = this.#sessionOf(sessionId);
    session.lastBeat = performance.now();
    this.#leader ??= sessionId;
    const commands = this.#commands.splice(0);
    const skew = this.clockSkewMs === undefined ? {} : { clockSkewMs: this.clockSkewMs };
    return { role: this.#roleOf(sessionId), commands, snapshotNeeded: this.#needsSnapshot(sessionId), ...skew };
  }

  latestIndex(sessionId: string): number | undefined {
    const { taskId } = this.#sessionOf(sessionId);
    return this.#tellsIndex ? this.#indexes.get(taskId) : undefined;
  }

  closeSession(sessionId: string): void {
    this.#end(sessionId);
  }

  ingest(envelope: IncomingEnvelope): Acknowledgement {
    this.#expireSessions();
    const { taskId } = this.#sessionOf(envelope.sessionId);
    for (const event of envelope.events) {
      if (event.rows.length === 0) throw new Error("an event without rows was sent");
      for (const row of event.rows) this.#applyRow(event, row);
      this.#indexes.set(taskId, Math.max(event.index, this.#indexes.get(taskId) ?? -1));
    }
    if (envelope.sourceType === "snapshot" && envelope.isEnd && envelope.sessionId === this.#leader) {
      this.ends++;
      this.isComplete = true;
    }
    if (envelope.sourceType === "audit" && envelope.isEnd) this.#endAudit();
    const snapshotNeeded = this.#needsSnapshot(envelope.sessionId);
    this.asksForSnapshotOnce = false;
    return { snapshotNeeded };
  }

  #needsSnapshot(sessionId: string): boolean {
    return sessionId === this.#leader && (this.asksForSnapshotOnce || (this.#asks && !this.isComplete));
  }

  /** As Fusion does it: every child of a directory that was told about goes when nobody spoke of it. */
  #endAudit(): void {
    const audit = this.#audit;
    this.#audit = undefined;
    this.audits++;
    if (audit === undefined) return;
    for (const [path, node] of [...this.view]) {
      const above = parentOf(path);
      const directory = above === undefined ? undefined : this.view.get(above);
      if (above === undefined || directory === undefined || directory.auditSkipped || !audit.seen.has(above)) continue;
      if (audit.seen.has(path) || audit.touched.has(path) || this.#tombstones.has(path)) continue;
      this.#remove(path);
      this.removedByAudits.push(`${path}${node.isDirectory ? "/" : ""}`);
    }
  }

  /** As src/fusion/arbitration.ts does it; test/unit/fusion/fake-fusion.test.ts compares the two. */
  #applyRow(event: IncomingEvent, row: Row): void {
    const path = String(row.path);
    const isAudit = event.messageSource === "audit";
    if (isAudit) this.#audit ??= { seen: new Set(), touched: new Set() };
    if (event.eventType === "delete") {
      this.#delete(event, row, path);
      return;
    }
    const modifiedTime = Number(row.modified_time);
    if (modifiedTime <= (this.#tombstones.get(path) ?? Number.NEGATIVE_INFINITY)) return;
    this.#tombstones.delete(path);
    const known = this.view.get(path);
    const isLive = event.messageSource === "realtime";
    const auditSkipped = row.audit_skipped === true;
    const isOutdated = !isLive && !auditSkipped && known !== undefined && known.modifiedTime >= modifiedTime;
    if (isAudit && known === undefined && this.#isStaleListing(row)) return;
    if (isAudit) this.#audit?.seen.add(path);
    if (isOutdated) return;
    if (isLive) this.#audit?.touched.add(path);
    this.#put(path, { modifiedTime, size: Number(row.size), isDirectory: row.is_directory === true, auditSkipped });
  }

  /** Only a live one leaves a tombstone; any other spares what is newer than it. */
  #delete({ messageSource }: IncomingEvent, row: Row, path: string): void {
    if (path === "/") return;
    const until = row.modified_time === undefined ? Number.POSITIVE_INFINITY : Number(row.modified_time);
    if (messageSource === "realtime") this.#tombstones.set(path, Date.now() / 1000);
    else if ((this.view.get(path)?.modifiedTime ?? Number.NEGATIVE_INFINITY) > until) return;
    this.#remove(path);
  }

  /** It was listed before its directory last changed. */
  #isStaleListing({ parent_path: above, parent_mtime: listedAt }: Row): boolean {
    if (typeof above !== "string" || typeof listedAt !== "number") return false;
    return (this.view.get(above)?.modifiedTime ?? Number.NEGATIVE_INFINITY) > listedAt;
  }

  #put(path: string, node: ViewNode): void {
    if (this.view.get(path)?.isDirectory === true && !node.isDirectory) this.#remove(path);
    for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
      if (this.view.get(above)?.isDirectory !== true)
        this.view.set(above, { modifiedTime: 0, size: 0, isDirectory: true, auditSkipped: false });
    }
    this.view.set(path, node);
  }

  #remove(path: string): void {
    for (const key of [...this.view.keys()]) {
      if (key !== path && !isBelow(key, path)) continue;
      this.view.delete(key);
      // What comes back under this name is another entry.
      this.#audit?.seen.delete(key);
      this.#audit?.touched.delete(key);
    }
  }

  #roleOf(sessionId: string): Role {
    return this.#leader === sessionId ? "leader" : "follower";
  }

  #sessionOf(sessionId: string): OpenSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw new FustorError("FUSTOR_SESSION_LOST", "the session is not known");
    return session;
  }

  #expireSessions(): void {
    const deadline = performance.now() - this.#timeoutMs;
    for (const [sessionId, { lastBeat }] of this.#sessions) if (lastBeat < deadline) this.#end(sessionId);
  }

  #end(sessionId: string): void {
    this.#sessions.delete(sessionId);
    if (this.#leader === sessionId) this.#leader = undefined;
    if (this.#sessions.size > 0) return;
    this.resets++;
    this.ends = 0;
    this.isComplete = false;
    this.view.clear();
    this.#tombstones.clear();
    this.#audit = undefined;
    this.#indexes.clear();
  }
}
