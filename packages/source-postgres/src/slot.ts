/** The slot that keeps what the receivers have not accepted yet. */
import type pg from "pg";
import { unavailable } from "./failures.ts";
import { quoted } from "./tables.ts";

export interface SlotFacts {
  readonly name: string;
  /** Bytes of the log that the server keeps for it. */
  readonly retainedBytes: number;
  /** `reserved`, `extended`, `unreserved` or `lost`; undefined before PostgreSQL 13. */
  readonly walStatus: string | undefined;
}

interface FoundSlot {
  readonly plugin: string | null;
  readonly database: string | null;
  readonly status: string | null;
  readonly retained: string | null;
}

const SLOT = `
  SELECT plugin, database, to_jsonb(s)->>'wal_status' AS status,
         pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::int8::text AS retained
  FROM pg_replication_slots s WHERE slot_name = $1`;

async function find(client: pg.Client, name: string): Promise<FoundSlot | undefined> {
  return (await client.query<FoundSlot>(SLOT, [name])).rows[0];
}

export async function readSlot(client: pg.Client, name: string): Promise<SlotFacts | undefined> {
  const found = await find(client, name);
  if (found === undefined) return undefined;
  return { name, retainedBytes: Number(found.retained ?? 0), walStatus: found.status ?? undefined };
}

/** Makes the slot unless it is there. False when it was: then nothing was lost since. */
export async function ensureSlot(client: pg.Client, name: string): Promise<boolean> {
  const level = (await client.query("SHOW wal_level")).rows[0]?.wal_level;
  if (level !== "logical") {
    throw unavailable(`wal_level is ${level}; run: ALTER SYSTEM SET wal_level = logical; and restart the server`);
  }
  const found = await find(client, name);
  const database = (await client.query("SELECT current_database() AS name")).rows[0]?.name;
  if (found !== undefined && (found.plugin !== "pgoutput" || found.database !== database)) {
    const whose = `of ${found.plugin ?? "physical replication"} in the database ${found.database ?? "-"}`;
    throw unavailable(`the slot ${quoted(name)} is one ${whose}; choose another name in driver_params.slot`);
  }
  if (found !== undefined && found.status !== "lost") return false;
  if (found !== undefined) await client.query("SELECT pg_drop_replication_slot($1)", [name]);
  await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
  return true;
}
