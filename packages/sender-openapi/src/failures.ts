/** The errors of this driver: which code each trouble has, and texts that hold no secret. */
import { FustorError, type FustorErrorCode } from "fustor-agent/sdk";

export const badAnswer = (what: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SENDER_BAD_ANSWER", what, { retryable: true, ...(cause === undefined ? {} : { cause }) });

export const unreachable = (what: string): FustorError =>
  new FustorError("FUSTOR_SENDER_UNREACHABLE", what, { retryable: true });

export const aborted = (what: string): FustorError => new FustorError("FUSTOR_ABORTED", `${what} was cancelled`);

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ECONNRESET: "the connection was closed before the answer was complete",
  EPIPE: "the connection was closed while sending",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name does not resolve at the moment",
  EPROTO: "the TLS handshake failed; does this port speak https?",
  ERR_SSL_WRONG_VERSION_NUMBER: "the TLS handshake failed; does this port speak https?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
  CERT_HAS_EXPIRED: "its certificate has expired",
};

const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/;
const NAME_AUTHORITY =
  "its certificate is not signed by a trusted authority; name the right one in driver_params.ca_file";

/** No answer, or half of one. */
export function networkFailure(address: string, error: unknown): FustorError {
  if (error instanceof FustorError) return error;
  const { code = "", message = String(error) } = (error ?? {}) as NodeJS.ErrnoException;
  if (code.startsWith("HPE_")) return badAnswer(`${address} does not answer in HTTP: ${message}`);
  const reason = UNTRUSTED.test(code) ? NAME_AUTHORITY : (REASONS[code] ?? message);
  return unreachable(`cannot reach ${address}: ${reason}${code === "" ? "" : ` (${code})`}`);
}

export type Route = "document" | "session" | "status" | "heartbeat" | "ingest" | "close";

type Verdict = readonly [code: FustorErrorCode, what: string];

/** An answer that is no success. */
export interface RefusedAnswer {
  readonly route: Route;
  /** Names the service and the path. */
  readonly source: string;
  readonly status: number;
  /** What the service says, one line without secrets; "" when nothing. */
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
  /** Whether the service opened the session: only then a 404 may speak of it. */
  readonly hasSessions: boolean;
}

function routeVerdict({ route, status, hasSessions }: RefusedAnswer): Verdict | undefined {
  if (route === "document") return undefined;
  if (route === "session")
    return status === 409 ? ["FUSTOR_SESSION_CONFLICT", "has another agent on this task"] : undefined;
  if (status === 410 || status === 419 || (status === 404 && hasSessions)) {
    return ["FUSTOR_SESSION_LOST", "does not know the session any more"];
  }
  if (route !== "ingest") return undefined;
  if (status === 400 || status === 422) return ["FUSTOR_BATCH_REFUSED", "refuses the content of the batch"];
  return status === 413 ? ["FUSTOR_BATCH_TOO_LARGE", "finds the batch too large"] : undefined;
}

function commonVerdict({ status, retryAfterMs }: RefusedAnswer): Verdict {
  if (status === 401 || status === 403) return ["FUSTOR_SENDER_KEY_REFUSED", "refuses the credential"];
  if (status === 429 || (status === 503 && retryAfterMs !== undefined)) return ["FUSTOR_SENDER_BUSY", "asks to wait"];
  if (status >= 500 || status === 408) return ["FUSTOR_SENDER_UNREACHABLE", "has trouble"];
  if (status >= 300 && status < 400) return ["FUSTOR_SENDER_BAD_ANSWER", "redirects, which is never followed"];
  return ["FUSTOR_SENDER_BAD_ANSWER", "answers what it should not; does the OpenAPI document describe this service?"];
}

const FINAL = new Set<FustorErrorCode>(["FUSTOR_SESSION_LOST", "FUSTOR_BATCH_REFUSED", "FUSTOR_BATCH_TOO_LARGE"]);

/** What a status outside 2xx means. */
export function statusFailure(answer: RefusedAnswer): FustorError {
  const { route, source, status, detail, retryAfterMs } = answer;
  const [code, what] = routeVerdict(answer) ?? commonVerdict(answer);
  return new FustorError(code, `${source} ${what} (status ${status})${detail === "" ? "" : `: ${detail}`}`, {
    retryable: !FINAL.has(code),
    details: { route, status },
    ...(code === "FUSTOR_SENDER_BUSY" && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  });
}
