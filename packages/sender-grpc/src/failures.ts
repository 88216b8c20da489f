/** The errors of the sender: which code each trouble has, and texts that hold no secret. */
import { status } from "@grpc/grpc-js";
import { FustorError, type FustorErrorCode } from "fustor-agent/sdk";

/** What was asked for, in messages. */
export type Route = "open" | "attach" | "heartbeat" | "ingest" | "position" | "sentinel" | "close" | "probe";

const failure = (code: FustorErrorCode, retryable: boolean, text: string, details = {}): FustorError =>
  new FustorError(code, text, { retryable, details });

export const aborted = (what: string): FustorError => new FustorError("FUSTOR_ABORTED", `${what} was cancelled`);

export const badAnswer = (what: string): FustorError => failure("FUSTOR_SENDER_BAD_ANSWER", true, what);

export const unreachable = (what: string): FustorError => failure("FUSTOR_SENDER_UNREACHABLE", true, what);

export const timedOut = (address: string, route: Route, timeoutMs: number): FustorError =>
  failure("FUSTOR_SENDER_UNREACHABLE", true, `${address} did not answer within ${timeoutMs / 1000} s (${route})`, {
    address,
    errno: "ETIMEDOUT",
  });

const UNTRUSTED = /self.signed|unable to (verify|get)/i;
const NAME_AUTHORITY =
  "its certificate is not signed by a trusted authority; name the right one in driver_params.ca_file";

/** gRPC puts what the socket said between words of its own. */
const causeOf = (details: string): string =>
  details
    .replace(/^No connection established\. Last error: (Error: )?/, "")
    .replace(/\.?\s*Resolution note:.*$/s, "")
    .trim();

/** How a stream ended. `details`: what gRPC or the receiver says, free of secrets. */
export function streamFailure(address: string, code: number, details: string): FustorError {
  switch (code) {
    case status.UNAUTHENTICATED:
    case status.PERMISSION_DENIED:
      return failure("FUSTOR_SENDER_KEY_REFUSED", true, `${address} refuses the key: ${details}`, { address });
    case status.RESOURCE_EXHAUSTED:
      return failure("FUSTOR_SENDER_BUSY", true, `${address} asks to wait: ${details}`, { address });
    case status.UNIMPLEMENTED:
    case status.INVALID_ARGUMENT:
    case status.INTERNAL:
      return failure(
        "FUSTOR_SENDER_BAD_ANSWER",
        true,
        `${address} does not answer as a receiver over gRPC: ${details}; is this the port of one?`,
        { address },
      );
    default: {
      const cause = causeOf(details);
      const why = UNTRUSTED.test(cause) ? `${NAME_AUTHORITY} (${cause})` : cause;
      return failure("FUSTOR_SENDER_UNREACHABLE", true, `cannot reach ${address}: ${why}`, { address });
    }
  }
}

type Verdict = readonly [code: FustorErrorCode, retryable: boolean, what: string];

function verdict(route: Route, code: number): Verdict {
  if (code === 401 || code === 403) return ["FUSTOR_SENDER_KEY_REFUSED", true, "refuses the key"];
  if (code === 429 || code === 503) return ["FUSTOR_SENDER_BUSY", true, "asks to wait"];
  if (code === 404 || code === 410 || code === 419) {
    return ["FUSTOR_SESSION_LOST", false, "does not know the session any more"];
  }
  if (route === "open" && code === 409) return ["FUSTOR_SESSION_CONFLICT", true, "has another agent on this pipe"];
  if (route === "ingest" && code === 413) return ["FUSTOR_BATCH_TOO_LARGE", false, "finds the batch too large"];
  if (route === "ingest" && (code === 400 || code === 422)) {
    return ["FUSTOR_BATCH_REFUSED", false, "refuses the content of the batch"];
  }
  if (code >= 500) return ["FUSTOR_SENDER_UNREACHABLE", true, "has trouble"];
  return ["FUSTOR_SENDER_BAD_ANSWER", true, "refuses the request"];
}

/** A refusal of the receiver; it has the status that it has over HTTP. */
export function refusal(address: string, route: Route, code: number, detail: string): FustorError {
  const [errorCode, retryable, what] = verdict(route, code);
  const said = detail === "" ? "" : `: ${detail}`;
  return failure(errorCode, retryable, `${address} ${what} (${route}, status ${code})${said}`, {
    ...{ address, route, status: code },
    ...(detail === "" ? {} : { detail }),
  });
}
