/** The errors of this driver: which code each trouble has, and what an operator can do. */
import { FustorError, type FustorErrorCode, isFustorError } from "fustor-agent/sdk";

export const unreachable = (what: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SENDER_UNREACHABLE", what, { retryable: true, ...(cause === undefined ? {} : { cause }) });

export const badAnswer = (what: string): FustorError =>
  new FustorError("FUSTOR_SENDER_BAD_ANSWER", what, { retryable: true });

export const aborted = (what: string): FustorError => new FustorError("FUSTOR_ABORTED", `${what} was cancelled`);

export const busy = (what: string): FustorError =>
  new FustorError("FUSTOR_SENDER_BUSY", what, { retryable: true, retryAfterMs: 1 });

export const refused = (what: string): FustorError => new FustorError("FUSTOR_BATCH_REFUSED", what);

export const sessionLost = (what: string): FustorError => new FustorError("FUSTOR_SESSION_LOST", what);

export const conflict = (what: string): FustorError =>
  new FustorError("FUSTOR_SESSION_CONFLICT", what, { retryable: true });

/** The names of all errors that a broker answered, such as TOPIC_AUTHORIZATION_FAILED. */
export function brokerErrors(error: unknown): readonly string[] {
  if (typeof error !== "object" || error === null) return [];
  const { apiId, errors, cause } = error as { apiId?: unknown; errors?: unknown; cause?: unknown };
  const below = [...(Array.isArray(errors) ? errors : []), ...(cause === undefined ? [] : [cause])];
  return [...(typeof apiId === "string" ? [apiId] : []), ...below.flatMap(brokerErrors)];
}

type Verdict = readonly [code: FustorErrorCode, what: string];

const VERDICTS: Readonly<Record<string, Verdict>> = {
  SASL_AUTHENTICATION_FAILED: ["FUSTOR_SENDER_KEY_REFUSED", "refuses user or password"],
  UNSUPPORTED_SASL_MECHANISM: ["FUSTOR_SENDER_KEY_REFUSED", "does not know the mechanism of driver_params.sasl"],
  TOPIC_AUTHORIZATION_FAILED: [
    "FUSTOR_SENDER_KEY_REFUSED",
    "does not let this user use the topic; grant DESCRIBE, DESCRIBE_CONFIGS, READ and WRITE on it, and CREATE to have it made",
  ],
  CLUSTER_AUTHORIZATION_FAILED: [
    "FUSTOR_SENDER_KEY_REFUSED",
    "does not let this user create topics; create the topic, or grant CREATE",
  ],
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: [
    "FUSTOR_SENDER_KEY_REFUSED",
    "does not let this user have the transactional id; grant WRITE and DESCRIBE on it",
  ],
  MESSAGE_TOO_LARGE: ["FUSTOR_BATCH_TOO_LARGE", "finds the batch too large"],
  RECORD_LIST_TOO_LARGE: ["FUSTOR_BATCH_TOO_LARGE", "finds the batch too large"],
  INVALID_RECORD: ["FUSTOR_BATCH_REFUSED", "refuses a record"],
  INVALID_REPLICATION_FACTOR: [
    "FUSTOR_SENDER_BAD_ANSWER",
    "has not so many brokers as driver_params.replication_factor",
  ],
  INVALID_CONFIG: ["FUSTOR_SENDER_BAD_ANSWER", "does not take driver_params.topic_config"],
  INVALID_TOPIC_EXCEPTION: ["FUSTOR_SENDER_BAD_ANSWER", "does not take this name of a topic"],
  POLICY_VIOLATION: ["FUSTOR_SENDER_BAD_ANSWER", "has a policy that forbids such a topic; create it by hand"],
  UNSUPPORTED_VERSION: ["FUSTOR_SENDER_BAD_ANSWER", "is too old; Kafka 3.0 or later is needed"],
};

/** Another producer has taken the transactional id. */
export const isFenced = (error: unknown): boolean =>
  brokerErrors(error).some((name) => name === "INVALID_PRODUCER_EPOCH" || name === "PRODUCER_FENCED");

/** Of the moment: a broker that has just begun, or leaders that move. */
export const isOfTheMoment = (error: unknown): boolean => brokerErrors(error).some((name) => MOMENTS.has(name));

const MOMENTS = new Set([
  ...["COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "CONCURRENT_TRANSACTIONS"],
  ...["LEADER_NOT_AVAILABLE", "NOT_LEADER_OR_FOLLOWER", "UNKNOWN_TOPIC_OR_PARTITION", "BROKER_NOT_AVAILABLE"],
]);

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused, nothing listens there",
  ECONNRESET: "the connection was closed",
  EPIPE: "the connection was closed while sending",
  ENOTFOUND: "the host name is unknown",
  EAI_AGAIN: "the host name does not resolve at the moment",
  EPROTO: "the TLS handshake failed; does this port speak TLS?",
  ERR_SSL_WRONG_VERSION_NUMBER: "the TLS handshake failed; does this port speak TLS?",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host name",
  CERT_HAS_EXPIRED: "its certificate has expired",
};
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)/;

function networkReason(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code, cause, errors, message } = error as NodeJS.ErrnoException & { errors?: readonly unknown[] };
  if (code !== undefined && UNTRUSTED.test(code)) {
    return "its certificate is not signed by a trusted authority; name the right one in driver_params.ca_file";
  }
  const inner =
    cause === undefined ? errors?.map(networkReason).find((each) => each !== undefined) : networkReason(cause);
  return NETWORK[code ?? ""] ?? inner ?? message;
}

/** `place`: the brokers and the topic. */
export function kafkaFailure(place: string, error: unknown): FustorError {
  if (isFustorError(error)) return error;
  const names = brokerErrors(error);
  const known = names.map((name) => VERDICTS[name]).find((each) => each !== undefined);
  if (known !== undefined) {
    const [code, what] = known;
    const isFinal = code === "FUSTOR_BATCH_TOO_LARGE" || code === "FUSTOR_BATCH_REFUSED";
    return new FustorError(code, `${place} ${what} (${names.join(", ")})`, { retryable: !isFinal });
  }
  if (names.length > 0) return unreachable(`${place} has trouble (${names.join(", ")})`);
  return unreachable(`cannot reach ${place}: ${networkReason(error) ?? String(error)}`);
}
