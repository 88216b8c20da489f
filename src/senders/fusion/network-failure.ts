import { FustorError } from "../../sdk/index.ts";
import type { OpeningStage } from "./connect.ts";
import { errors } from "./undici-parts.ts";

const UNKNOWN_AUTHORITY =
  "its certificate is not signed by a trusted authority; name the right one in driver_params.ca_file";

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed while sending",
  UND_ERR_SOCKET: "the connection was closed before the answer was complete",
  ETIMEDOUT: "no connection in time",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "the network is unreachable",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name does not resolve at the moment",
  EMFILE: "this process has no file descriptor left; raise its limit (ulimit -n, or LimitNOFILE= in the unit file)",
  ENFILE: "this machine has no file descriptor left; raise fs.file-max, or find who holds so many",
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

/** What a TLS server says to plain text: an alert record. */
function isTlsAlert(error: unknown): boolean {
  if (!(error instanceof errors.HTTPParserError)) return false;
  const { data } = error as { readonly data?: unknown };
  return typeof data === "string" && data.startsWith("\u0015\u0003");
}

const SPEAKS_TLS = "it seems to speak https; write https:// in the address";

/** The connection was closed without a single byte. */
function endedUnheard(error: unknown): boolean {
  if (!(error instanceof errors.SocketError)) return false;
  return error.socket?.bytesRead === 0;
}

/** No answer, or half of one: says who could not be reached and why. */
export function networkFailure(address: string, error: unknown): FustorError {
  if (error instanceof FustorError) return error;
  const code = codeOf(error);
  const details = { address, ...(code === undefined ? {} : { errno: code }) };
  if (isTlsAlert(error)) {
    return new FustorError("FUSTOR_SENDER_BAD_ANSWER", `${address} does not answer in HTTP: ${SPEAKS_TLS}`, {
      retryable: true,
      details,
    });
  }
  if (error instanceof errors.HTTPParserError || error instanceof errors.HeadersOverflowError) {
    return new FustorError("FUSTOR_SENDER_BAD_ANSWER", `${address} does not answer in HTTP: ${error.message}`, {
      retryable: true,
      details,
    });
  }
  const text = error instanceof Error ? error.message : String(error);
  const hint = endedUnheard(error) ? "; should that port speak https, write https:// in the address" : "";
  const reason = (code === undefined ? undefined : REASONS[code]) ?? text;
  const suffix = code === undefined ? "" : ` (${code})`;
  return new FustorError("FUSTOR_SENDER_UNREACHABLE", `cannot reach ${address}: ${reason}${suffix}${hint}`, {
    retryable: true,
    details,
  });
}

const timeoutText = (address: string, stage: OpeningStage, proxy: string | undefined): string => {
  switch (stage) {
    case "connection":
      return `cannot reach ${proxy === undefined ? address : `the proxy ${proxy}`}: no connection`;
    case "tls":
      return `${address} took the connection but did not finish the TLS handshake`;
    case "proxy":
      return `the proxy ${proxy} did not open a way to ${address}`;
    case "none":
      return `${address} did not answer`;
  }
};

/** `stage`: what the connection was waiting for; `proxy`: the address of the one in between. */
export const timeoutFailure = (
  address: string,
  timeoutMs: number,
  stage: OpeningStage = "none",
  proxy?: string,
): FustorError =>
  new FustorError(
    "FUSTOR_SENDER_UNREACHABLE",
    `${timeoutText(address, stage, proxy)} within ${Math.round(timeoutMs) / 1000} s`,
    { retryable: true, details: { address, errno: "ETIMEDOUT", timeoutMs } },
  );

/** A proxy that answers a request for a way through with anything but success. */
export function proxyRefusal(proxy: string, status: number): FustorError {
  const cure =
    status === 407
      ? "it asks for a user and password: write them into its address, http://user:password@host:port"
      : "is the way to this host and port allowed there, or should NO_PROXY name the host?";
  return new FustorError(
    "FUSTOR_SENDER_UNREACHABLE",
    `the proxy ${proxy} refuses the way (status ${status}); ${cure}`,
    {
      retryable: true,
      details: { proxy, status },
    },
  );
}

export const abortedFailure = (what: string): FustorError => new FustorError("FUSTOR_ABORTED", `${what} was cancelled`);
