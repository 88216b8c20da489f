/** What agents may ask of one receiver, whatever carries it: the routes over HTTP and the receiver drivers call this. */
import type { DeskAnswer, ReceiverDesk } from "../sdk/receiver-driver.ts";
import { KeyTable } from "./api-keys.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { ReceiverConfig } from "./fusion-config.ts";
import type { FusionCore, OpenOutcome } from "./fusion-core.ts";
import type { BodyProblem } from "./ingest-batch.ts";
import { booleanOf, checkIngestBody, checkSessionBody } from "./ingest-validation.ts";
import { shapeProblem } from "./json-shape.ts";
import { applyFeedback, sentinelTask } from "./sentinel.ts";
import type { SessionRecord } from "./session-registry.ts";
import type { View } from "./view.ts";

const answer = (status: number, body: DeskAnswer["body"]): DeskAnswer => ({ status, body });
const refusal = (status: number, detail: string | readonly BodyProblem[]): DeskAnswer => answer(status, { detail });

const OBSOLETE = refusal(419, "Session obsoleted");
const unknownSession = (id: string): DeskAnswer => refusal(404, `Session ${id} not found or expired`);

export class Desk implements ReceiverDesk {
  readonly maxBodyBytes: number;
  readonly shapeProblem = shapeProblem;
  readonly #core: FusionCore;
  readonly #pipes: KeyTable<string>;
  readonly #budget: ByteBudget;

  constructor(core: FusionCore, receiver: ReceiverConfig, budget: ByteBudget) {
    this.maxBodyBytes = receiver.maxBodyBytes;
    this.#core = core;
    this.#pipes = new KeyTable(receiver.pipeOfKey);
    this.#budget = budget;
  }

  identify(key: string | undefined): { readonly pipe: string } | DeskAnswer {
    if (key === undefined || key === "") return refusal(401, "API key required");
    const pipe = this.#pipes.find(key);
    return pipe === undefined ? refusal(401, "Invalid API key") : { pipe };
  }

  knows(pipe: string, sessionId: string): boolean {
    return this.#session(pipe, sessionId) !== undefined;
  }

  openSession(pipe: string, body: unknown, clientIp: string | null): DeskAnswer {
    const request = checkSessionBody(body);
    if (!request.ok) return refusal(422, [request.problem]);
    if (!this.#core.pipes.has(pipe)) return refusal(400, `Pipe ${pipe} not found`);
    return this.#opened(pipe, this.#core.openSession(pipe, request.value, clientIp));
  }

  heartbeat(pipe: string, sessionId: string, body: unknown): DeskAnswer {
    if (!this.knows(pipe, sessionId)) return OBSOLETE;
    const beat = this.#core.heartbeat(sessionId, booleanOf(memberOf(body, "can_realtime")));
    if (beat === undefined) return OBSOLETE;
    return answer(200, {
      status: "ok",
      role: beat.role,
      message: null,
      can_realtime: null,
      commands: beat.commands,
      ...(beat.snapshotNeeded ? { snapshot_needed: true } : {}),
    });
  }

  position(pipe: string, sessionId: string): DeskAnswer {
    const session = this.#session(pipe, sessionId);
    if (session === undefined) return unknownSession(sessionId);
    const index = this.#core.positionOf(session);
    return index === undefined ? refusal(404, "No position") : answer(200, { index });
  }

  ingest(pipe: string, sessionId: string, body: unknown): DeskAnswer {
    if (!this.knows(pipe, sessionId)) return unknownSession(sessionId);
    const batch = checkIngestBody(body);
    if (!batch.ok) return refusal(422, [batch.problem]);
    const outcome = this.#core.ingest(sessionId, batch.value);
    if (outcome === undefined) return unknownSession(sessionId);
    if (outcome.kind === "job-complete") return answer(200, { status: "ok", phase: "job_complete" });
    return answer(200, {
      status: "ok",
      count: batch.value.events.length,
      ...(outcome.snapshotNeeded ? { snapshot_needed: true } : {}),
    });
  }

  closeSession(pipe: string, sessionId: string): DeskAnswer {
    if (this.knows(pipe, sessionId)) this.#core.closeSession(sessionId);
    return answer(200, { status: "terminated", session_id: sessionId });
  }

  sentinelTask(pipe: string): DeskAnswer {
    return answer(200, sentinelTask(this.#viewsOf(pipe)));
  }

  sentinelFeedback(pipe: string, body: unknown): DeskAnswer {
    return applyFeedback(this.#viewsOf(pipe), body);
  }

  take(bytes: number): boolean {
    return this.#budget.take(bytes);
  }

  give(bytes: number): void {
    this.#budget.give(bytes);
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
