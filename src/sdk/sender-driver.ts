import type { Credential } from "./credential.ts";
import type { DriverFiles } from "./driver-files.ts";
import type { Acknowledgement, Envelope } from "./envelope.ts";
import type { Logger } from "./observer.ts";
import type { HeartbeatAnswer, HeartbeatRequest, Session, SessionRequest } from "./session.ts";
import type { CallOptions } from "./source-driver.ts";

/** A task of Fusion's sentinel; unknown types are possible. */
export interface SentinelTask {
  readonly type: string;
  readonly paths: readonly string[];
}

export interface SentinelUpdate {
  readonly path: string;
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly size: number;
  readonly status: "exists";
}

/**
 * Carries sessions and envelopes to a receiver. Every call is one attempt: retrying is the pipe's work.
 *
 * Failures are FustorErrors: SENDER_UNREACHABLE, SENDER_BUSY, SENDER_KEY_REFUSED, SENDER_BAD_ANSWER, SESSION_LOST,
 * SESSION_CONFLICT, BATCH_REFUSED, BATCH_TOO_LARGE or ABORTED.
 *
 * A driver serves one pipe. `push` is called one at a time; `heartbeat` runs beside it and must not wait for it.
 */
export interface SenderDriver {
  /** Bytes of the bodies of `push` that were answered so far, as they were on the wire. */
  readonly bytesSent?: number;
  createSession(request: SessionRequest, options: CallOptions): Promise<Session>;
  /** The index that the receiver holds for this task, or undefined when it holds none or does not say. */
  getLatestCommittedIndex(sessionId: string, options: CallOptions): Promise<number | undefined>;
  heartbeat(sessionId: string, request: HeartbeatRequest, options: CallOptions): Promise<HeartbeatAnswer>;
  push(sessionId: string, envelope: Envelope, options: CallOptions): Promise<Acknowledgement>;
  /** What Fusion's sentinel asks about, undefined when nothing. Absent: it never asks. */
  getSentinelTasks?(sessionId: string, options: CallOptions): Promise<SentinelTask | undefined>;
  /** What was seen of it. */
  sendSentinelFeedback?(sessionId: string, updates: readonly SentinelUpdate[], options: CallOptions): Promise<void>;
  /**
   * Asks the receiver whether it is there and takes the key. Opens no session and changes nothing, so that it may be
   * called beside a running agent. Failures are those of `createSession`. Absent: only a session would show it.
   */
  probe?(options: CallOptions): Promise<SenderProbe>;
  /**
   * Shows another key from now on, in the session that is open. False, and nothing is changed, unless the receiver takes
   * both keys for the same owner's. Absent: another credential needs another sender.
   */
  takeCredential?(credential: Credential | undefined, options: CallOptions): Promise<boolean>;
  /** Ends a session, ours or one remembered from a crashed run. A session that is already gone is no error. */
  closeSession(sessionId: string, options: CallOptions): Promise<void>;
  /** Frees connections; idempotent. */
  close(): Promise<void>;
}

/** What a receiver said of itself and of the key, without a session. */
export interface SenderProbe {
  /** The receiver's clock minus ours, to about a second. */
  readonly clockSkewMs?: number;
  /** What the receiver calls the owner of the key, a pipe mostly. */
  readonly knownAs?: string;
}

export interface SenderDriverContext {
  readonly id: string;
  readonly logger: Logger;
  /** A folder of the driver's own; absent where nothing is kept. */
  readonly files?: DriverFiles;
}
