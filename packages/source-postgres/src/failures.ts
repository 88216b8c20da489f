/** What goes wrong with a server, as an error of the contract that says what to do. */
import { describeError, FustorError, isFustorError } from "fustor-agent/sdk";

export const unavailable = (message: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_SOURCE_UNAVAILABLE", message, {
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

const CURES: Readonly<Record<string, string>> = {
  "28P01": "correct the user or the password in credential",
  "28000": "allow the user in pg_hba.conf, or correct it in credential",
  "3D000": "correct the database in uri",
  "42501": "the user needs REPLICATION (ALTER ROLE ... REPLICATION) and SELECT on the tables",
  "53300": "raise max_connections or max_wal_senders",
  "53400": "raise max_replication_slots, or drop a slot that nothing reads",
  "55006": "another agent reads this slot: give each of them a slot of its own",
};

export const codeOf = (error: unknown): string | undefined => (error as { readonly code?: string } | undefined)?.code;

/** An error of the client as one of the contract's. */
export function serverFailure(place: string, error: unknown): FustorError {
  if (isFustorError(error)) return error;
  const cure = CURES[codeOf(error) ?? ""];
  const what = error instanceof AggregateError ? error.errors.map(describeError).join(", ") : describeError(error);
  return unavailable(`PostgreSQL at ${place}: ${what}${cure === undefined ? "" : `; ${cure}`}`);
}
