/** What agents may ask of one receiver, whatever carries it: the routes over HTTP and the receiver drivers call this. */
import type { DeskAnswer, ReceiverDesk } from "../sdk/receiver-driver.ts";
import type { KeyRing } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { FusionActs } from "./fusion-acts.ts";
import type { ReceiverConfig } from "./fusion-config.ts";
import type { FusionCore } from "./fusion-core.ts";
import type { BodyProblem } from "./ingest-batch.ts";
import { booleanOf, checkIngestBody, checkSessionBody } from "./ingest-validation.ts";
import { shapeProblem } from "./json-shape.ts";
import type { OpenOutcome } from "./outcomes.ts";
import { applyFeedback, sentinelTask } from "./sentinel.ts";
import type { SessionRecord } from "./session-registry.ts";
import type { View } from "./view.ts";

const answer = (status: number, body: DeskAnswer["body"]): DeskAnswer => ({ status, body });
const refusal = (status: number, detail: string | readonly BodyProblem[]): DeskAnswer => answer(status, { detail });

type Answer = DeskAnswer | Promise<DeskAnswer>;

const BEHIND = refusal(503, "Too much waits for the disk, send this batch again in a moment");
const OBSOLETE = refusal(419, "Session obsoleted");
const unknownSession = (id: string): DeskAnswer => refusal(404, `Session ${id} not found or expired`);

export interface DeskParts {
  readonly core: FusionCore;
  readonly acts: FusionActs;
  readonly keys: KeyRing;
  readonly budget: ByteBudget;
}

export class Desk implements ReceiverDesk {
  readonly maxBodyBytes: number;
  readonly shapeProblem = shapeProblem;
  readonly #core: FusionCore;
  readonly #acts: FusionActs;
  readonly #receiver: ReceiverConfig;
  readonly #keys: KeyRing;
  readonly #budget: ByteBudget;

  constructor({ core, acts, keys, budget }: DeskParts, receiver: ReceiverConfig) {
    this.maxBodyBytes = receiver.maxBodyBytes;
    this.#core = core;
    this.#acts = acts;
    this.#keys = keys;
    this.#receiver = receiver;
    this.#budget = budget;
  }

  identify(key: string | undefined): { readonly pipe: string } | DeskAnswer {
    if (key === undefined || key === "") return refusal(401, "API key required");
    const pipe = this.#keys.pipeOf(key, this.#receiver);
    return pipe === undefined ? refusal(401, "Invalid API key") : { pipe };
  }

  knows(pipe: string, sessionId: string): boolean {
    return this.#session(pipe, sessionId) !== undefined;
  }

  openSession(pipe: string, body: unknown, clientIp: string | null): Answer {
    const request = checkSessionBody(body);
    if (!request.ok) return refusal(422, [request.problem]);
    if (!this.#core.pipes.has(pipe)) return refusal(400, `Pipe ${pipe} not found`);
    return this.#settled(this.#opened(pipe, this.#acts.openSession(pipe, request.value, clientIp)));
  }

  heartbeat(pipe: string, sessionId: string, body: unknown): Answer {
    if (!this.knows(pipe, sessionId)) return OBSOLETE;
    const beat = this.#acts.heartbeat(sessionId, booleanOf(memberOf(body, "can_realtime")));
    if (beat === undefined) return OBSOLETE;
    const body200 = {
      status: "ok",
      role: beat.role,
      message: null,
      can_realtime: null,
      commands: beat.commands,
      ...(beat.snapshotNeeded ? { snapshot_needed: true } : {}),
    };
    return this.#settled(answer(200, body200));
  }

  position(pipe: string, sessionId: string): Answer {
    const session = this.#session(pipe, sessionId);
    if (session === undefined) return unknownSession(sessionId);
    const index = this.#core.positionOf(session);
    // The batch that holds this index may be on its way to the disk, and the agent forgets what lies before it.
    return index === undefined ? refusal(404, "No position") : this.#settled(answer(200, { index }));
  }

  /** `bytes`: the JSON of which the body was parsed, where there is one. */
  ingest(pipe: string, sessionId: string, body: unknown, bytes?: Uint8Array): Answer {
    if (!this.knows(pipe, sessionId)) return unknownSession(sessionId);
    if (this.#acts.isBehind) return BEHIND;
    const batch = checkIngestBody(body);
    if (!batch.ok) return refusal(422, [batch.problem]);
    const outcome = this.#acts.ingest(sessionId, batch.value, () => bytes ?? Buffer.from(JSON.stringify(body)));
    if (outcome === undefined) return unknownSession(sessionId);
    if (outcome.kind === "job-complete") return answer(200, { status: "ok", phase: "job_complete" });
    const needed = outcome.snapshotNeeded ? { snapshot_needed: true } : {};
    return this.#settled(answer(200, { status: "ok", count: batch.value.events.length, ...needed }));
  }

  closeSession(pipe: string, sessionId: string): Answer {
    if (this.knows(pipe, sessionId)) this.#acts.closeSession(sessionId);
    return this.#settled(answer(200, { status: "terminated", session_id: sessionId }));
  }

  sentinelTask(pipe: string): DeskAnswer {
    return answer(200, sentinelTask(this.#viewsOf(pipe)));
  }

  sentinelFeedback(pipe: string, body: unknown): Answer {
    return this.#settled(applyFeedback(this.#acts, pipe, body));
  }

  take(bytes: number): boolean {
    return this.#budget.take(bytes);
  }

  give(bytes: number): void {
    this.#budget.give(bytes);
  }

  /** What is answered is kept, so the answer waits for the disk when there is a state. */
  #settled(given: DeskAnswer): Answer {
    const written = this.#acts.settled();
    return written === undefined ? given : written.then(() => given);
  }

  #session(pipe: string, id: string): SessionRecord | undefined {
    const session = this.#core.session(id);
    return session?.pipeId === pipe ? session : undefined;
  }

  #viewsOf(pipe: string): readonly View[] {
    return this.#core.pipes.get(pipe)?.views ?? [];
  }

  #opened(pipe: string, outcome: OpenOutcome): DeskAnswer {
    if (outcome.kind === "locked") {
      const holder = `${outcome.holder.slice(0, 8)}...`;
      return refusal(
        409,
        `View ${outcome.view} is currently locked by session ${holder}. Concurrent push is disabled.`,
      );
    }
    const config = this.#core.pipes.get(pipe)?.config;
    return answer(200, {
      session_id: outcome.session.id,
      role: outcome.role,
      session_timeout_seconds: outcome.session.timeoutSeconds,
      audit_interval_sec: config?.auditIntervalSeconds ?? null,
      sentinel_interval_sec: config?.sentinelIntervalSeconds ?? null,
      message: "Session created successfully",
      ...(outcome.resumed ? { resumed: true } : {}),
    });
  }
}

const memberOf = (body: unknown, name: string): unknown =>
  typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>)[name] : undefined;
