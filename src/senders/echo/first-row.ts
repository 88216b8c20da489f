import type { Envelope, RowData } from "../../sdk/index.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Where the first JSON object of the bytes ends; the bytes may hold more objects behind it. */
function firstObjectEnd(bytes: Uint8Array): number {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inText) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inText = false;
    } else if (byte === QUOTE) inText = true;
    else if (byte === OPEN) depth++;
    else if (byte === CLOSE && --depth === 0) return at + 1;
  }
  return bytes.length;
}

function firstOf(rows: RowData): string | undefined {
  if (rows.kind === "objects") return rows.rows.length === 0 ? undefined : JSON.stringify(rows.rows[0]);
  const slice = rows.slices.find((candidate) => candidate.byteLength > 0);
  if (slice === undefined) return undefined;
  const row = slice.subarray(0, firstObjectEnd(slice));
  return Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString("utf8");
}

/** The first row of an envelope as JSON, undefined when it holds none. */
export function firstRowText(envelope: Envelope): string | undefined {
  for (const event of envelope.events) {
    const text = firstOf(event.rows);
    if (text !== undefined) return text;
  }
  return undefined;
}
