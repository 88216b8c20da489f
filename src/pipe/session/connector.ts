/**
 * Gets a session and gets rid of the ones nobody needs.
 *
 * Before a session is created the one that a crashed run left behind is deleted, as is one that the agent gave up
 * although Fusion had not ended it: otherwise the new session would follow its own ghost until that expires. A failed
 * attempt is followed by one pause.
 */
import {
  describeError,
  FustorError,
  type FustorErrorCode,
  isFustorError,
  type Logger,
  type SenderDriver,
  type Session,
  type SessionRequest,
  shortId,
} from "../../sdk/index.ts";
import type { PipeStore } from "../../sdk/state-store.ts";
import { type BackoffSettings, backoffDelayMs } from "../backoff.ts";
import { boundedCall, Pause, unlessAborted } from "../bounded-call.ts";
import type { Ambience } from "../pipe-options.ts";

/** A session was lost: the next one is asked for after this, and later when sessions are lost again and again. */
const RECONNECT_MS = 100;
const SLOWEST_RECONNECT_MS = 10_000;
/** A session that lived less is lost "again and again". */
const SHORT_LIFE_MS = 2_000;
/** A stop has to be over before the supervisor that asked for it loses patience. */
const CLOSE_MS = 2_500;
/**
 * How long a request for a session that nobody wants any more may take: cut off, it might leave one that nobody knows.
 */
const LATE_CREATE_MS = 2_000;

export interface ConnectFailure {
  readonly code: FustorErrorCode | undefined;
  readonly reason: string;
  readonly failures: number;
  readonly delayMs: number;
}

export interface ConnectorParts {
  readonly sender: SenderDriver;
  readonly request: () => SessionRequest;
  readonly store: PipeStore;
  readonly ambience: Ambience;
  readonly backoff: BackoffSettings;
  readonly logger: Logger;
  readonly onFailure: (error: unknown, failure: ConnectFailure) => void;
  readonly onRetry: () => void;
}

export interface OpenSession {
  readonly session: Session;
  /** When it was asked for (monotonic ms). */
  readonly askedAt: number;
}

export class Connector {
  readonly #parts: ConnectorParts;
  /** Still open at the receiver as far as we know, and of no use. */
  #ghost: string | undefined;
  #askedStore = false;
  #failures = 0;
  #shortLives = 0;
  readonly #between = new Pause();

  constructor(parts: ConnectorParts) {
    this.#parts = parts;
  }

  /** Tries until there is a session; undefined when the signal aborted. Never rejects. */
  async connect(signal: AbortSignal): Promise<OpenSession | undefined> {
    while (!signal.aborted) {
      try {
        await this.#deleteGhost(signal);
        const askedAt = this.#parts.ambience.now();
        if (signal.aborted) return undefined;
        const session = await this.#create(signal);
        this.#failures = 0;
        await this.#remember(session.sessionId);
        if (!signal.aborted) return { session, askedAt };
        await this.close(session.sessionId);
      } catch (error) {
        if (!signal.aborted) await this.#pause(error, signal);
      }
    }
    return undefined;
  }

  /** A pause after a failure ends now, whatever the receiver asked for: an operator is waiting. */
  wake(): void {
    this.#between.cutShort();
  }

  /** After a session was lost: a short pause, no error. `isGhost`: the receiver may still hold it. */
  async lost(open: OpenSession, isGhost: boolean, signal: AbortSignal): Promise<void> {
    if (isGhost) this.#ghost = open.session.sessionId;
    const { ambience } = this.#parts;
    const livedMs = ambience.now() - open.askedAt;
    this.#shortLives = livedMs < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    const growth = 2 ** Math.max(0, Math.min(this.#shortLives, 20) - 3);
    await this.#between.sleep(ambience, Math.min(RECONNECT_MS * growth, SLOWEST_RECONNECT_MS), signal);
  }

  /** After a defect of ours or of a driver: counts as a failed attempt. */
  async broke(open: OpenSession, error: unknown, signal: AbortSignal): Promise<void> {
    this.#ghost = open.session.sessionId;
    await this.#pause(error, signal);
  }

  /** Ends a session for good, within a bound. One that could not be ended stays remembered for the next start. */
  async close(sessionId: string): Promise<void> {
    const { sender, ambience, logger } = this.#parts;
    try {
      // Nothing ends it early. Of its own, since Node warns of a signal that more than ten pipes listen to at once.
      const bound = { boundMs: CLOSE_MS, signal: new AbortController().signal };
      await boundedCall(ambience, bound, (signal) => sender.closeSession(sessionId, { signal }));
      await this.#remember(undefined);
    } catch (error) {
      logger.warn({ session: shortId(sessionId) }, `the session was not closed: ${describeError(error)}`);
    }
  }

  /** Goes on for a moment when the signal aborts. */
  async #create(signal: AbortSignal): Promise<Session> {
    const { sender, request, ambience } = this.#parts;
    const bound = new AbortController();
    let cancelTimer = (): void => undefined;
    const end = (): void => {
      cancelTimer = ambience.setTimer(LATE_CREATE_MS, () => bound.abort());
    };
    signal.addEventListener("abort", end);
    const created = sender.createSession(request(), { signal: bound.signal });
    try {
      return await unlessAborted(bound.signal, created);
    } catch (error) {
      if (bound.signal.aborted) this.#closeWhenItComes(created);
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
      cancelTimer();
    }
  }

  /** A driver that did not heed its signal may still get a session, which nobody would know. */
  #closeWhenItComes(created: Promise<Session>): void {
    created.then(
      ({ sessionId }) => this.close(sessionId),
      () => undefined,
    );
  }

  async #deleteGhost(signal: AbortSignal): Promise<void> {
    if (!this.#askedStore) {
      this.#askedStore = true;
      this.#ghost = await this.#parts.store.rememberedSession().catch(() => undefined);
    }
    const ghost = this.#ghost;
    if (ghost === undefined) return;
    try {
      await unlessAborted(signal, this.#parts.sender.closeSession(ghost, { signal }));
      this.#parts.logger.info({ session: shortId(ghost) }, "a session left behind was deleted");
    } catch (error) {
      // As long as nobody answers, the ghost is still to be deleted; any other answer will not become better.
      if (isFustorError(error, "FUSTOR_SENDER_UNREACHABLE") || isFustorError(error, "FUSTOR_SENDER_BUSY")) throw error;
      if (signal.aborted) throw error;
      this.#parts.logger.warn(
        { session: shortId(ghost) },
        `a session left behind was not deleted: ${describeError(error)}`,
      );
    }
    this.#ghost = undefined;
  }

  async #remember(sessionId: string | undefined): Promise<void> {
    try {
      await this.#parts.store.rememberSession(sessionId);
    } catch (error) {
      this.#parts.logger.warn({}, `the session was not remembered for the next start: ${describeError(error)}`);
    }
  }

  async #pause(error: unknown, signal: AbortSignal): Promise<void> {
    const { ambience, backoff, logger } = this.#parts;
    this.#failures++;
    const known = error instanceof FustorError ? error : undefined;
    const delayMs = backoffDelayMs(backoff, this.#failures, ambience.random(), known?.retryAfterMs);
    const failure = { code: known?.code, reason: describeError(error), failures: this.#failures, delayMs };
    this.#parts.onFailure(error, failure);
    const level = this.#failures === backoff.maxConsecutiveErrors ? "error" : "warn";
    logger[level]({ failures: this.#failures, delayMs: Math.round(delayMs) }, `no session: ${failure.reason}`);
    await this.#between.sleep(ambience, delayMs, signal);
    if (!signal.aborted) this.#parts.onRetry();
  }
}
