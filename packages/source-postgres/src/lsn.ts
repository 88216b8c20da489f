/**
 * Places in PostgreSQL's log of changes (WAL). They are 64 bits wide; a number holds the first 8 petabytes exactly, which
 * no server has written.
 */
const LOW = 2 ** 32;

export function parseLsn(text: string): number {
  const [high = "0", low = "0"] = text.split("/");
  return Number.parseInt(high, 16) * LOW + Number.parseInt(low, 16);
}

const hex = (value: number): string => value.toString(16).toUpperCase();

export const formatLsn = (lsn: number): string => `${hex(Math.floor(lsn / LOW))}/${hex(lsn % LOW)}`;
