import { FustorError } from "../../sdk/index.ts";
import { errors } from "./undici-parts.ts";

const UNKNOWN_AUTHORITY =
  "its certificate is not signed by a trusted authority; name the right one in driver_params.ca_file";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while sending",
  UND_ERR_SOCKET: "the connection was closed before the answer was complete",
  UND_ERR_CONNECT_TIMEOUT: "no connection in time",
  ETIMEDOUT: "no connection in time",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name does not resolve at the moment",
  EPROTO: "the TLS handshake failed; does this port speak https?",
  ERR_SSL_WRONG_VERSION_NUMBER: "the TLS handshake failed; does this port speak https?",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "the TLS handshake failed; does this port speak https?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet; check the clocks",
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
};

/** The code of an error, else that of the first cause or collected error that has one. */
function codeOf(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const code = (error as NodeJS.ErrnoException).code;
  // undici wraps what the socket said; the errno inside tells more.
  if (typeof code === "string" && !(code === "UND_ERR_SOCKET" && error.cause !== undefined)) return code;
  const collected = error instanceof AggregateError ? error.errors : [];
  for (const inner of [error.cause, ...collected]) {
    const found = codeOf(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return typeof code === "string" ? code : undefined;
}

/** No answer, or half of one: says who could not be reached and why. */
export function networkFailure(address: string, error: unknown): FustorError {
  const code = codeOf(error);
  const details = { address, ...(code === undefined ? {} : { errno: code }) };
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return new FustorError("FUSTOR_SENDER_BAD_ANSWER", `${address} does not answer in HTTP: ${error.message}`, {
      retryable: true,
      details,
    });
  }
  const text = error instanceof Error ? error.message : String(error);
  const reason = (code === undefined ? undefined : REASONS[code]) ?? text;
  const suffix = code === undefined ? "" : ` (${code})`;
  return new FustorError("FUSTOR_SENDER_UNREACHABLE", `cannot reach ${address}: ${reason}${suffix}`, {
    retryable: true,
    details,
  });
}

export const timeoutFailure = (address: string, timeoutMs: number): FustorError =>
  new FustorError("FUSTOR_SENDER_UNREACHABLE", `${address} did not answer within ${timeoutMs / 1000} s`, {
    retryable: true,
    details: { address, errno: "ETIMEDOUT", timeoutMs },
  });

export const abortedFailure = (what: string): FustorError => new FustorError("FUSTOR_ABORTED", `${what} was cancelled`);
