import type { Row } from "./changes.ts";
import type { RowData } from "./envelope.ts";

/** The rows of an event as objects, for senders that need objects. Those that can send bytes do better with `slices`. */
export function rowsOf(data: RowData): readonly Row[] {
  if (data.kind === "objects") return data.rows;
  const texts = data.slices
    .filter(({ byteLength }) => byteLength > 0)
    .map((slice) => Buffer.from(slice).toString("utf8"));
  return JSON.parse(`[${texts.join(",")}]`) as Row[];
}
