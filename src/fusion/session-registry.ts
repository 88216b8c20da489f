/**
 * The open sessions of all pipes: pure state, the clock passed in. Only heartbeats keep a session alive, never data.
 */
import { Deadlines } from "./deadlines.ts";
import type { FusionClock } from "./fusion-clock.ts";

export interface ScanCommand {
  readonly type: "scan";
  /** Canonical path below the root of the source. */
  readonly path: string;
  readonly recursive: boolean;
  readonly job_id: string;
  /** Seconds since 1970. */
  readonly created_at: number;
}

export interface SessionRequest {
  readonly pipeId: string;
  readonly taskId: string;
  readonly sourceUri: string | null;
  readonly clientIp: string | null;
  readonly timeoutSeconds: number;
}

export interface SessionRecord extends SessionRequest {
  readonly id: string;
  /** Seconds since 1970. */
  readonly createdAt: number;
  lastHeartbeatMs: number;
  canRealtime: boolean;
  snapshotSyncSuggested: boolean;
  snapshotEnds: number;
  batches: number;
  rows: number;
  commands: ScanCommand[];
}

/** Whose last session ended. */
export interface Departed {
  readonly pipeId: string;
  readonly taskId: string;
  readonly sourceUri: string | null;
  readonly clientIp: string | null;
  /** When its last heartbeat came, in seconds since 1970. */
  readonly lastSeen: number;
}

/** Of those that are gone longest, nothing is known any more. */
const MOST_DEPARTED = 1000;

export class SessionRegistry {
  readonly #sessions = new Map<string, SessionRecord>();
  readonly #byPipe = new Map<string, Set<SessionRecord>>();
  /** By pipe and task, who was seen last at the end. */
  readonly #departed = new Map<string, Departed>();
  readonly #deadlines = new Deadlines<SessionRecord>((session) => this.#deadlineOf(session));
  readonly #clock: FusionClock;

  constructor(clock: FusionClock) {
    this.#clock = clock;
  }

  open(id: string, request: SessionRequest): SessionRecord {
    const session: SessionRecord = {
      ...request,
      id,
      createdAt: this.#clock.wallSeconds(),
      lastHeartbeatMs: this.#clock.monotonicMs(),
      canRealtime: false,
      snapshotSyncSuggested: false,
      snapshotEnds: 0,
      batches: 0,
      rows: 0,
      commands: [],
    };
    this.adopt(session);
    return session;
  }

  /** A session that was opened before. */
  adopt(session: SessionRecord): void {
    this.#sessions.set(session.id, session);
    this.#departed.delete(placeOf(session));
    const ofPipe = this.#byPipe.get(session.pipeId);
    if (ofPipe === undefined) this.#byPipe.set(session.pipeId, new Set([session]));
    else ofPipe.add(session);
    this.#deadlines.add(session);
  }

  get(id: string): SessionRecord | undefined {
    return this.#sessions.get(id);
  }

  /** A heartbeat arrived. Returns the waiting commands, each of them once. */
  beat(session: SessionRecord, canRealtime: boolean | undefined): readonly ScanCommand[] {
    session.lastHeartbeatMs = this.#clock.monotonicMs();
    if (canRealtime !== undefined) session.canRealtime = canRealtime;
    const commands = session.commands;
    session.commands = [];
    return commands;
  }

  remove(id: string): SessionRecord | undefined {
    const session = this.#sessions.get(id);
    if (session === undefined) return undefined;
    this.#forget(session);
    this.#deadlines.drop();
    return session;
  }

  /**
   * Removes the sessions without a heartbeat for longer than their timeout and returns them, the first to expire first.
   */
  takeExpired(): readonly SessionRecord[] {
    const expired = this.#deadlines.takeDue(this.#clock.monotonicMs());
    for (const session of expired) this.#forget(session);
    return expired;
  }

  ofPipes(pipeIds: Iterable<string>): readonly SessionRecord[] {
    return [...pipeIds].flatMap((id) => this.ofPipe(id));
  }

  ofPipe(pipeId: string): readonly SessionRecord[] {
    return [...(this.#byPipe.get(pipeId) ?? [])];
  }

  departedFrom(pipeIds: ReadonlySet<string>): readonly Departed[] {
    return [...this.#departed.values()].filter(({ pipeId }) => pipeIds.has(pipeId));
  }

  /** When the last heartbeat of a session came, in seconds since 1970. */
  lastSeen({ lastHeartbeatMs }: SessionRecord): number {
    return this.#clock.wallSeconds() - (this.#clock.monotonicMs() - lastHeartbeatMs) / 1000;
  }

  hasAny(pipeIds: Iterable<string>): boolean {
    for (const id of pipeIds) if ((this.#byPipe.get(id)?.size ?? 0) > 0) return true;
    return false;
  }

  countOf(pipeId: string): number {
    return this.#byPipe.get(pipeId)?.size ?? 0;
  }

  #forget(session: SessionRecord): void {
    this.#sessions.delete(session.id);
    this.#byPipe.get(session.pipeId)?.delete(session);
    this.#noteDeparture(session);
  }

  #noteDeparture(session: SessionRecord): void {
    const { pipeId, taskId, sourceUri, clientIp } = session;
    // An agent whose connection broke has two sessions for a while.
    if (this.ofPipe(pipeId).some((other) => other.taskId === taskId)) return;
    const place = placeOf(session);
    this.#departed.delete(place);
    this.#departed.set(place, { pipeId, taskId, sourceUri, clientIp, lastSeen: this.lastSeen(session) });
    const [longest] = this.#departed.keys();
    if (this.#departed.size > MOST_DEPARTED && longest !== undefined) this.#departed.delete(longest);
  }

  #deadlineOf(session: SessionRecord): number {
    const isOpen = this.#sessions.get(session.id) === session;
    return isOpen ? session.lastHeartbeatMs + session.timeoutSeconds * 1000 : Number.NEGATIVE_INFINITY;
  }
}

const placeOf = ({ pipeId, taskId }: SessionRequest): string => JSON.stringify([pipeId, taskId]);
