/** Columns of single rows, read beside the stream. */
import type pg from "pg";
import type { ReadColumns } from "./change-mapper.ts";
import { qualified, quoted } from "./tables.ts";

/** Values as text: they are decoded as those of the stream are. */
export const AS_TEXT = { getTypeParser: () => (text: string) => text } as unknown as NonNullable<
  pg.QueryConfig["types"]
>;

/** Reads large values that a message left out. */
export const columnReader =
  (client: pg.Client): ReadColumns =>
  async (table, tuple, columns) => {
    const wanted = columns.map(({ name }) => quoted(name)).join(", ");
    const where = table.key.map((name, at) => `${quoted(name)} = $${at + 1}`).join(" AND ");
    const values = table.key.map((name) => {
      const value = tuple[name];
      return typeof value === "object" ? JSON.stringify(value) : String(value);
    });
    const text = `SELECT ${wanted} FROM ${qualified(table)} WHERE ${where}`;
    const [row] = (await client.query({ text, values, types: AS_TEXT })).rows as Record<string, string | null>[];
    if (row === undefined) return undefined;
    return Object.fromEntries(
      columns.map(({ name, decode }) => {
        const value = row[name] ?? null;
        return [name, value === null ? null : decode(value)];
      }),
    );
  };
