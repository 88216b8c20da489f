/**
 * The embedded Fusion without HTTP, for tests of the pipe: the rules are those of src/fusion and no others. Here is what
 * connects a sender with them, what a test looks at, and what happens at Fusion without the pipe's doing.
 */

import { systemClock } from "../../src/fusion/fusion-clock.ts";
import { demoFusionConfig, type FusionConfig } from "../../src/fusion/fusion-config.ts";
import { FusionCore } from "../../src/fusion/fusion-core.ts";
import type { IngestBatch } from "../../src/fusion/ingest-batch.ts";
import { NONE, ROOT } from "../../src/fusion/tree.ts";
import type { View } from "../../src/fusion/view.ts";
import {
  type Acknowledgement,
  type Command,
  FustorError,
  type HeartbeatAnswer,
  type Session,
  type SessionRequest,
  silentLogger,
} from "../../src/sdk/index.ts";

export interface CoreFusionOptions {
  /** Default 30,000. */
  readonly sessionTimeoutMs?: number;
  /** Names the latest index, as the embedded Fusion does and the real one does not. Default false. */
  readonly tellsIndex?: boolean;
  /** One session at a time: another one is refused. Default false. */
  readonly exclusive?: boolean;
  /** Sent with each session. */
  readonly intervals?: Pick<Session, "auditIntervalMs" | "sentinelIntervalMs">;
}

export interface ViewNode {
  readonly modifiedTime: number;
  readonly size: number;
  readonly isDirectory: boolean;
}

const PIPE = "pipe";
const VIEW = "view";
/** So many young files were written before: the old times of a test's files do not move the view's clock. */
const EARLIER_WRITES = 2_000;
const NOTHING: IngestBatch = {
  sourceType: "message",
  isEnd: false,
  events: [],
  metadata: undefined,
  snapshotSyncSuggested: false,
  isSnapshotEnd: false,
};

/** What the view holds, by path. */
export class ShownView {
  readonly #view: View;

  constructor(view: View) {
    this.#view = view;
  }

  get(path: string): ViewNode | undefined {
    const { tree } = this.#view.arbitration;
    const id = tree.lookup(path);
    if (id === NONE) return undefined;
    return { modifiedTime: tree.modifiedOf(id), size: tree.sizeOf(id), isDirectory: tree.isDirectory(id) };
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  keys(): string[] {
    const { tree } = this.#view.arbitration;
    const paths: string[] = [];
    for (let id = ROOT; id <= tree.highestId; id++) if (tree.isLive(id)) paths.push(tree.pathOf(id));
    return paths;
  }

  /** As an earlier agent left it. */
  put(path: string, { isDirectory, size, modifiedTime }: ViewNode): void {
    const { tree } = this.#view.arbitration;
    const id = tree.ensure(path, isDirectory, path.slice(path.lastIndexOf("/") + 1));
    tree.setFacts(id, size, modifiedTime, modifiedTime);
  }
}

export class CoreFusion {
  readonly view: ShownView;
  /** Ends of snapshots that completed the view, since its last reset. */
  ends = 0;
  /** Times the view lost its last session and with it everything. */
  resets = 0;
  readonly removedByAudits: string[] = [];
  readonly #options: CoreFusionOptions;
  readonly #core: FusionCore;
  readonly #view: View;
  #opening = "";
  #opened = 0;
  #open = 0;
  #commands: Command[] = [];

  constructor(options: CoreFusionOptions = {}) {
    this.#options = options;
    const newId = (): string => `session-${++this.#opened}-of-${this.#opening}`;
    this.#core = new FusionCore(configOf(options), systemClock, silentLogger, newId);
    this.#view = this.#core.views.get(VIEW) as View;
    this.view = new ShownView(this.#view);
    this.#season();
  }

  get sessions(): string[] {
    return this.#core.sessionsOf(this.#view).map(({ id }) => id);
  }

  get leader(): string | undefined {
    const { seat } = this.#view;
    return seat.state === "held" ? seat.sessionId : undefined;
  }

  /** Readers may ask the view: its leader has ended a snapshot. */
  get isComplete(): boolean {
    return this.#view.ready;
  }

  /** Goes to the session that sends the next heartbeat; unlike those of a real view it may be of any type. */
  send(command: Command): void {
    this.#commands.push(command);
  }

  /** Takes the lead from the session that has it and gives it to another one (undefined: the next heartbeat gets it). */
  appoint(sessionId: string | undefined): void {
    const { leader } = this;
    if (leader === sessionId) return;
    if (leader !== undefined) this.#view.leave(leader);
    if (sessionId !== undefined) this.#view.knock(sessionId);
  }

  /** As if it had timed out. */
  expire(sessionId: string): void {
    this.closeSession(sessionId);
  }

  createSession({ taskId, sourceUri, sessionTimeoutSeconds }: SessionRequest): Session {
    this.#noteResets();
    this.#opening = taskId;
    const request = { taskId, sourceUri, timeoutSeconds: sessionTimeoutSeconds, resumes: undefined };
    const outcome = this.#core.openSession(PIPE, request, null);
    if (outcome.kind === "locked")
      throw new FustorError("FUSTOR_SESSION_CONFLICT", "another agent holds the pipe", { retryable: true });
    this.#noteResets();
    const { id, timeoutSeconds } = outcome.session;
    const sessionTimeoutMs = timeoutSeconds * 1000;
    return { sessionId: id, role: outcome.role, sessionTimeoutMs, ...this.#options.intervals };
  }

  heartbeat(sessionId: string, canRealtime?: boolean): HeartbeatAnswer {
    this.#noteResets();
    const beat = this.#core.heartbeat(sessionId, canRealtime) ?? lost();
    const commands = [...beat.commands.map((command) => ({ ...command })), ...this.#commands.splice(0)];
    return { role: beat.role, commands, snapshotNeeded: beat.snapshotNeeded };
  }

  latestIndex(sessionId: string): number | undefined {
    const session = this.#core.session(sessionId) ?? lost();
    return this.#options.tellsIndex === true ? this.#core.positionOf(session) : undefined;
  }

  closeSession(sessionId: string): void {
    this.#core.closeSession(sessionId);
    this.#noteResets();
  }

  ingest(sessionId: string, members: Partial<IngestBatch>): Acknowledgement {
    this.#noteResets();
    const { blindDeletions } = this.#view.arbitration;
    const before = new Set(blindDeletions);
    const batch = { ...NOTHING, ...members };
    const outcome = this.#core.ingest(sessionId, batch) ?? lost();
    for (const path of blindDeletions) if (!before.has(path)) this.removedByAudits.push(path);
    const isEnd = batch.sourceType === "snapshot" && batch.isEnd && sessionId === this.leader;
    if (isEnd && this.isComplete) this.ends++;
    return { snapshotNeeded: outcome.kind === "applied" && outcome.snapshotNeeded };
  }

  #noteResets(): void {
    this.#core.sweep();
    const open = this.#core.sessionCountOf(PIPE);
    if (open === 0 && this.#open > 0) {
      this.resets++;
      this.ends = 0;
      this.#season();
    }
    this.#open = open;
  }

  #season(): void {
    const now = systemClock.wallSeconds();
    for (let i = 0; i < EARLIER_WRITES; i++) this.#view.arbitration.logicalClock.sample(now);
  }
}

function lost(): never {
  throw new FustorError("FUSTOR_SESSION_LOST", "the session is not known");
}

function configOf({ sessionTimeoutMs = 30_000, exclusive = false }: CoreFusionOptions): FusionConfig {
  const sessionTimeoutSeconds = sessionTimeoutMs / 1000;
  const config = demoFusionConfig({ pushKey: "push", readKey: "read", pipe: PIPE, view: VIEW, sessionTimeoutSeconds });
  const pipes = [...config.pipes].map(([id, pipe]) => [id, { ...pipe, allowConcurrentPush: !exclusive }] as const);
  return { ...config, pipes: new Map(pipes) };
}
