import { FustorError, type FustorErrorCode } from "../../sdk/index.ts";

export type Route = "create" | "position" | "heartbeat" | "ingest" | "delete" | "sentinel" | "probe";

/** An answer that is no success, as far as it matters here. */
export interface RefusedAnswer {
  readonly route: Route;
  readonly address: string;
  readonly status: number;
  /** What the receiver said, one line, already free of secrets; "" when it said nothing. */
  readonly detail: string;
  readonly retryAfterMs: number | undefined;
  /** Where a redirect leads. */
  readonly location?: string | undefined;
}

interface Verdict {
  readonly code: FustorErrorCode;
  readonly retryable: boolean;
  readonly text: string;
}

const verdict = (code: FustorErrorCode, retryable: boolean, text: string): Verdict => ({ code, retryable, text });

function createVerdict(status: number): Verdict | undefined {
  switch (status) {
    case 404:
    case 405:
      return verdict(
        "FUSTOR_SENDER_BAD_ANSWER",
        true,
        "is not a Fusion receiver; is this the receiver's port, not another one?",
      );
    case 409:
      return verdict("FUSTOR_SESSION_CONFLICT", true, "has another agent on this pipe");
    case 400:
    case 422:
      return verdict("FUSTOR_SENDER_BAD_ANSWER", true, "refuses the session request");
    default:
      return undefined;
  }
}

function sessionVerdict(status: number): Verdict | undefined {
  return status === 404 || status === 410 || status === 419
    ? verdict("FUSTOR_SESSION_LOST", false, "does not know the session any more")
    : undefined;
}

function ingestVerdict(status: number): Verdict | undefined {
  switch (status) {
    case 400:
    case 422:
      return verdict("FUSTOR_BATCH_REFUSED", false, "refuses the content of the batch");
    case 413:
      return verdict("FUSTOR_BATCH_TOO_LARGE", false, "finds the batch too large");
    default:
      return sessionVerdict(status);
  }
}

function routeVerdict(route: Route, status: number): Verdict | undefined {
  switch (route) {
    case "create":
      return createVerdict(status);
    case "ingest":
      return ingestVerdict(status);
    case "position":
    case "heartbeat":
    case "delete":
      return sessionVerdict(status);
    case "probe":
      return createVerdict(status);
    case "sentinel":
      return undefined; // these routes know no session
  }
}

function commonVerdict(status: number, asksToWait: boolean): Verdict {
  if (status === 401 || status === 403) return verdict("FUSTOR_SENDER_KEY_REFUSED", true, "refuses the key");
  if (status === 429 || (status === 503 && asksToWait)) return verdict("FUSTOR_SENDER_BUSY", true, "asks to wait");
  if (status >= 500 || status === 408) return verdict("FUSTOR_SENDER_UNREACHABLE", true, "has trouble");
  if (status >= 300 && status < 400) {
    return verdict("FUSTOR_SENDER_BAD_ANSWER", true, "redirects, which is never followed; give the final address");
  }
  return verdict("FUSTOR_SENDER_BAD_ANSWER", true, "answers what a Fusion receiver does not");
}

/** What a status outside 2xx means on a route. */
export function statusFailure(answer: RefusedAnswer): FustorError {
  const { route, address, status, detail, retryAfterMs, location } = answer;
  const { code, retryable, text } = routeVerdict(route, status) ?? commonVerdict(status, retryAfterMs !== undefined);
  const isRedirect = status >= 300 && status < 400;
  const said = isRedirect && location !== undefined ? ` to ${location}` : detail === "" ? "" : `: ${detail}`;
  return new FustorError(code, `${address} ${text} (${route}, status ${status})${said}`, {
    retryable,
    details: { address, route, status, ...(detail === "" ? {} : { detail }) },
    ...(code === "FUSTOR_SENDER_BUSY" && retryAfterMs !== undefined ? { retryAfterMs } : {}),
  });
}
