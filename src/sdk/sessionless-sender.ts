/** Senders to receivers that know neither sessions nor roles: files, queues, webhooks, stores. */
import { randomUUID } from "node:crypto";
import type { Acknowledgement, Envelope } from "./envelope.ts";
import { FustorError } from "./errors.ts";
import type { SenderDriver } from "./sender-driver.ts";
import type { HeartbeatAnswer, HeartbeatRequest, Role, Session, SessionRequest } from "./session.ts";
import type { CallOptions } from "./source-driver.ts";

const DEFAULT_TIMEOUT_SECONDS = 30;

export interface SessionlessSenderOptions {
  /** The role of every session. Default leader: a follower sends what happens, and neither history nor audits. */
  readonly role?: Role;
  /** For pipes whose configuration names none. Default 30. */
  readonly sessionTimeoutSeconds?: number;
  /**
   * Whether the first batch is answered with `snapshotNeeded`, so that the pipe sends all there is. Default true: what
   * the receiver holds from earlier runs is not known.
   */
  readonly asksForSnapshot?: boolean;
}

/**
 * Plays the receiver's part of a session, so that a driver only has to write `deliver`. One session at a time: a call
 * of an earlier one rejects with FUSTOR_SESSION_LOST, upon which the pipe opens another. Nothing arbitrates between two
 * agents that send to the same place.
 */
export abstract class SessionlessSender implements SenderDriver {
  readonly role: Role;
  readonly #timeoutSeconds: number;
  #asksForSnapshot: boolean;
  #session: string | undefined;

  constructor({ role, sessionTimeoutSeconds, asksForSnapshot }: SessionlessSenderOptions = {}) {
    this.role = role ?? "leader";
    this.#timeoutSeconds = sessionTimeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
    this.#asksForSnapshot = asksForSnapshot ?? true;
  }

  /**
   * One attempt to give the receiver a batch. Resolves when the receiver has taken it: the bytes of the envelope are
   * used again afterwards. Rejects with a FustorError, retryable when the same batch may be taken later.
   */
  protected abstract deliver(envelope: Envelope, options: CallOptions): Promise<void>;

  async createSession({ sessionTimeoutSeconds }: SessionRequest, { signal }: CallOptions): Promise<Session> {
    throwIfAborted(signal);
    this.#session = randomUUID();
    const seconds = sessionTimeoutSeconds ?? this.#timeoutSeconds;
    return { sessionId: this.#session, role: this.role, sessionTimeoutMs: seconds * 1000 };
  }

  /** The receiver does not say how far it is. */
  async getLatestCommittedIndex(sessionId: string, { signal }: CallOptions): Promise<number | undefined> {
    throwIfAborted(signal);
    this.#demandCurrent(sessionId);
    return undefined;
  }

  async heartbeat(sessionId: string, _request: HeartbeatRequest, { signal }: CallOptions): Promise<HeartbeatAnswer> {
    throwIfAborted(signal);
    this.#demandCurrent(sessionId);
    return { role: this.role, commands: [], snapshotNeeded: false };
  }

  async push(sessionId: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement> {
    throwIfAborted(options.signal);
    this.#demandCurrent(sessionId);
    await this.deliver(envelope, options);
    const snapshotNeeded = this.#asksForSnapshot;
    this.#asksForSnapshot = false;
    return { snapshotNeeded };
  }

  /** Of an earlier session there is nothing to end. */
  async closeSession(sessionId: string, { signal }: CallOptions): Promise<void> {
    throwIfAborted(signal);
    if (sessionId === this.#session) this.#session = undefined;
  }

  /** Drivers that hold something open free it here; it may be called twice. */
  async close(): Promise<void> {
    this.#session = undefined;
  }

  #demandCurrent(sessionId: string): void {
    if (sessionId !== this.#session) throw new FustorError("FUSTOR_SESSION_LOST", "the session is over");
  }
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new FustorError("FUSTOR_ABORTED", "the call was cancelled");
}
