/** The open sessions of all pipes: pure state, the clock passed in. Only heartbeats keep a session alive, never data. */
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

export class SessionRegistry {
  readonly #sessions = new Map<string, SessionRecord>();
  readonly #clock: FusionClock;
  readonly #newId: () => string;

  constructor(clock: FusionClock, newId: () => string) {
    this.#clock = clock;
    this.#newId = newId;
  }

  open(request: SessionRequest): SessionRecord {
    const session: SessionRecord = {
      ...request,
      id: this.#newId(),
      createdAt: this.#clock.wallSeconds(),
      lastHeartbeatMs: this.#clock.monotonicMs(),
      canRealtime: false,
      snapshotSyncSuggested: false,
      snapshotEnds: 0,
      batches: 0,
      rows: 0,
      commands: [],
    };
    this.#sessions.set(session.id, session);
    return session;
  }

  get(id: string): SessionRecord | undefined {
    return this.#sessions.get(id);
  }

  /** A heartbeat arrived. Hands out the waiting commands: each is delivered at most once. */
  beat(session: SessionRecord, canRealtime: boolean | undefined): readonly ScanCommand[] {
    session.lastHeartbeatMs = this.#clock.monotonicMs();
    if (canRealtime !== undefined) session.canRealtime = canRealtime;
    const commands = session.commands;
    session.commands = [];
    return commands;
  }

  remove(id: string): SessionRecord | undefined {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    return session;
  }

  /** Sessions without a heartbeat for longer than their timeout, oldest first; the caller closes them. */
  expired(): readonly SessionRecord[] {
    const now = this.#clock.monotonicMs();
    return [...this.#sessions.values()].filter(
      (session) => now - session.lastHeartbeatMs > session.timeoutSeconds * 1000,
    );
  }

  ofPipes(pipeIds: ReadonlySet<string>): readonly SessionRecord[] {
    return [...this.#sessions.values()].filter((session) => pipeIds.has(session.pipeId));
  }

  ofPipe(pipeId: string): readonly SessionRecord[] {
    return [...this.#sessions.values()].filter((session) => session.pipeId === pipeId);
  }

  get size(): number {
    return this.#sessions.size;
  }
}
