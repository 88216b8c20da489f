/**
 * Values of columns as JSON. The type of a column alone decides, never the value: a reader can rely on it.
 *
 * Numbers are those that JSON holds exactly. `bigint` and `numeric` are text, also when they are small; so are dates and
 * times, in UTC with their microseconds.
 */
const BOOL = 16;
const INT2 = 21;
const INT4 = 23;
const OID = 26;
const FLOAT4 = 700;
const FLOAT8 = 701;
const JSON_TEXT = 114;
const JSONB = 3802;

export type Decode = (text: string) => unknown;

/** NaN and the infinities have no number in JSON. */
const floatOf: Decode = (text) => {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
};

const DECODERS: ReadonlyMap<number, Decode> = new Map<number, Decode>([
  [BOOL, (text) => text === "t"],
  ...[INT2, INT4, OID].map((type): [number, Decode] => [type, Number]),
  ...[FLOAT4, FLOAT8].map((type): [number, Decode] => [type, floatOf]),
  ...[JSON_TEXT, JSONB].map((type): [number, Decode] => [type, (text) => JSON.parse(text)]),
]);

const asText: Decode = (text) => text;

/** Domains (their type -> the one that they are made of) count as what they are made of. */
export function decoderOf(type: number, domains: ReadonlyMap<number, number>): Decode {
  let base = type;
  for (let depth = 0; depth < 32 && domains.has(base); depth++) base = domains.get(base) ?? base;
  return DECODERS.get(base) ?? asText;
}

/** Every session writes values alike, whatever the server, the role or the environment prefer. */
export const SESSION_OPTIONS = [
  "DateStyle=ISO",
  "TimeZone=UTC",
  "IntervalStyle=postgres",
  "extra_float_digits=3",
  "bytea_output=hex",
  "lc_monetary=C",
  "statement_timeout=0",
  "idle_in_transaction_session_timeout=0",
]
  .map((setting) => `-c ${setting}`)
  .join(" ");
