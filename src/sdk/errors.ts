/**
 * One error family for the whole agent. Callers branch on `code`, never on the text.
 *
 * Codes are `FUSTOR_<AREA>_<WHAT>`; error-texts.ts says of each what its cause and its cure are.
 */
import { publicText } from "./public-address.ts";

export type FustorErrorCode =
  /** A configuration is wrong; the message holds every problem, one per line. */
  | "FUSTOR_CONFIG_INVALID"
  /** The home holds no configuration at all. */
  | "FUSTOR_CONFIG_MISSING"
  /** Another agent holds the lock of this home. */
  | "FUSTOR_AGENT_RUNNING"
  /** No agent answers on the control socket of this home. */
  | "FUSTOR_AGENT_STOPPED"
  /**
   * The home, or a file of ours, cannot be read or written: rights, a full disk, a file system that lacks something.
   */
  | "FUSTOR_HOME_UNUSABLE"
  /** The process may open no more files for a further pipe. */
  | "FUSTOR_LIMIT_REACHED"
  /** The native addon is missing or does not load. */
  | "FUSTOR_NATIVE_UNAVAILABLE"
  /** The root is missing, not a directory or unreadable at the moment. Retryable. */
  | "FUSTOR_SOURCE_UNAVAILABLE"
  /** A path that does not lie below the root, or that does not encode back to itself. */
  | "FUSTOR_SOURCE_PATH_REFUSED"
  /** No driver of that name is known. */
  | "FUSTOR_DRIVER_UNKNOWN"
  /** An installed driver broke its contract: it threw, never answered, or handed over what is none. Retryable. */
  | "FUSTOR_DRIVER_DEFECT"
  /** An event bus or state store that a program gave to `createAgent` broke its contract. */
  | "FUSTOR_PART_DEFECT"
  /** The receiver cannot be reached or answered 5xx. Retryable. */
  | "FUSTOR_SENDER_UNREACHABLE"
  /** The receiver asks to slow down (429, 503 with Retry-After). Retryable. */
  | "FUSTOR_SENDER_BUSY"
  /** The key was refused (401, 403). Retryable, slowly: an operator has to act. */
  | "FUSTOR_SENDER_KEY_REFUSED"
  /** The answer is not of the protocol (wrong content, wrong shape). Retryable. */
  | "FUSTOR_SENDER_BAD_ANSWER"
  /** The session is unknown, expired or obsolete (404, 410, 419). Open a new one. */
  | "FUSTOR_SESSION_LOST"
  /** Another agent holds the pipe (409). Retryable: wait as hot standby. */
  | "FUSTOR_SESSION_CONFLICT"
  /** The receiver refuses the content of this batch (400, 422): at least one event in it is bad. */
  | "FUSTOR_BATCH_REFUSED"
  /** The batch is too large for the receiver (413): halve it. */
  | "FUSTOR_BATCH_TOO_LARGE"
  /** The operation was cancelled by its AbortSignal. */
  | "FUSTOR_ABORTED"
  /** A defect of ours. */
  | "FUSTOR_INTERNAL";

export interface FustorErrorOptions {
  /** Whether the same call may succeed later without anybody changing anything. Default false. */
  readonly retryable?: boolean;
  /** Facts for the log: never secrets. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
  /** How long the receiver asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;
}

export class FustorError extends Error {
  override readonly name = "FustorError";
  readonly code: FustorErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: FustorErrorCode, message: string, options: FustorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

export const isFustorError = (error: unknown, code?: FustorErrorCode): error is FustorError =>
  error instanceof FustorError && (code === undefined || error.code === code);

/**
 * One line that says what went wrong, causes included: for logs and states, not for branching. Addresses in it are
 * without their secrets.
 */
export const describeError = (error: unknown): string => publicText(textOf(error));

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` (${textOf(error.cause)})`;
  return `${error.message || error.name}${cause}`;
}
