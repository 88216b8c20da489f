/** What goes wrong with a server, as an error of the contract that says what to do. */
import { describeError, FustorError, isFustorError } from "fustor-agent/sdk";

export const unavailable = (message: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SOURCE_UNAVAILABLE", message, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

/** The log no longer holds what lies behind a position, or never held it. */
export class PositionGone extends Error {
  override readonly name = "PositionGone";
}

const CURES: Readonly<Record<number, string>> = {
  1040: "raise max_connections",
  1044: "GRANT SELECT on the database to the user",
  1045: "correct the user or the password in credential",
  1049: "correct the database in uri",
  1130: "allow the user to connect from this host",
  1142: "GRANT SELECT on the table to the user",
  1205: "a statement of another client holds the tables up: end it, or wait",
  1227: "GRANT REPLICATION SLAVE, REPLICATION CLIENT, RELOAD ON *.* to the user",
  1698: "correct the user or the password in credential",
  3159: "the server demands TLS: write sslmode: require",
};

export const codeOf = (error: unknown): number | undefined => (error as { readonly errno?: number } | undefined)?.errno;

const READING_FAILED = 1236;
/** MariaDB: the position names a transaction that is not in its log. */
const NOT_IN_LOG: ReadonlySet<number> = new Set([1945, 1955, 1947]);

/** Errors 1236 are many things. What was purged or never was there is told by the text alone. */
export function isGone(error: unknown): boolean {
  if (error instanceof PositionGone) return true;
  const code = codeOf(error) ?? 0;
  if (NOT_IN_LOG.has(code)) return true;
  const message = error instanceof Error ? error.message : "";
  return code === READING_FAILED && /purged|could not find|not in the (master|source)|more GTIDs than/i.test(message);
}

function cureOf(error: unknown): string | undefined {
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : "";
  if (code === READING_FAILED && /same server_(uu)?id/i.test(message)) {
    return "another reader has this number: write another one in driver_params.server_id";
  }
  if (code === READING_FAILED && /max_allowed_packet/i.test(message)) return "raise max_allowed_packet of the server";
  return CURES[code ?? 0];
}

/** An error of the client as one of the contract's. */
export function serverFailure(place: string, error: unknown): FustorError {
  if (isFustorError(error)) return error;
  const cure = cureOf(error);
  const what = error instanceof AggregateError ? error.errors.map(describeError).join(", ") : describeError(error);
  return unavailable(`MySQL at ${place}: ${what}${cure === undefined ? "" : `; ${cure}`}`);
}
