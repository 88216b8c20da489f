import type { FusionCore } from "./fusion-core.ts";
import type { IngestBatch } from "./ingest-batch.ts";
import type { SessionBody } from "./ingest-validation.ts";
import type { BeatOutcome, IngestOutcome, OpenOutcome } from "./outcomes.ts";
import type { Command } from "./state/command.ts";

/** Notes a command before it is carried out. */
export interface Recorder {
  record<T>(command: Command, body: Uint8Array | undefined, act: () => T): T;
  /** Resolves when all that was noted can be read again after a crash; undefined when it can already. */
  settled(): Promise<void> | undefined;
  /** So much waits for the disk that no further batch should be taken. */
  readonly isBehind: boolean;
}

/** Everything that routes do to a Fusion. With a recorder each of it is noted first. */
export class FusionActs {
  readonly #core: FusionCore;
  readonly #newId: () => string;
  readonly #recorder: Recorder | undefined;

  constructor(core: FusionCore, newId: () => string, recorder?: Recorder) {
    this.#core = core;
    this.#newId = newId;
    this.#recorder = recorder;
  }

  /** To be awaited before an answer says that something was done. */
  settled(): Promise<void> | undefined {
    return this.#recorder?.settled();
  }

  get isBehind(): boolean {
    return this.#recorder?.isBehind ?? false;
  }

  openSession(pipe: string, request: SessionBody, clientIp: string | null): OpenOutcome {
    const sessionId = this.#newId();
    return this.#do({ kind: "open", pipe, request, clientIp, sessionId }, () =>
      this.#core.openSession(pipe, request, clientIp, sessionId),
    );
  }

  heartbeat(session: string, canRealtime: boolean | undefined): BeatOutcome | undefined {
    return this.#do({ kind: "beat", session, canRealtime }, () => this.#core.heartbeat(session, canRealtime));
  }

  closeSession(session: string): void {
    this.#do({ kind: "close", session }, () => this.#core.closeSession(session));
  }

  /** `body`: the JSON of which the batch was made, asked for only when it is noted. */
  ingest(session: string, batch: IngestBatch, body: () => Uint8Array): IngestOutcome | undefined {
    return this.#do({ kind: "ingest", session }, () => this.#core.ingest(session, batch), body);
  }

  startAudit(pipe: string): number {
    return this.#do({ kind: "audit-start", pipe }, () => this.#core.startAudit(pipe));
  }

  finishAudit(pipe: string): number {
    return this.#do({ kind: "audit-end", pipe }, () => this.#core.finishAudit(pipe));
  }

  correct(pipe: string, updates: readonly unknown[]): number {
    return this.#do({ kind: "feedback", pipe, updates }, () => this.#core.correct(pipe, updates));
  }

  resetView(view: string): void {
    this.#do({ kind: "reset", view }, () => this.#core.resetView(view));
  }

  #do<T>(command: Command, act: () => T, body?: () => Uint8Array): T {
    return this.#recorder === undefined ? act() : this.#recorder.record(command, body?.(), act);
  }
}
