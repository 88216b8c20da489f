/**
 * Values of columns as JSON. The type of a column alone decides, never the value: a reader can rely on it. The log and
 * a query tell the same value in different forms; both become one.
 *
 * Numbers are those that JSON holds exactly. `bigint`, `decimal` and `bit` are text, also when they are small; so are
 * dates and times, `timestamp` in UTC.
 */
export interface ValueKind {
  readonly decode: (value: unknown) => unknown;
  /** How a query reads the column so that nothing is lost. */
  readonly read: (column: string) => string;
  /** Whether a key of it is compared by its number rather than by what it says. */
  readonly order: "number" | "text" | "bytes" | "index";
}

const plainly = (column: string): string => column;
const asNumber = (column: string): string => `(${column} + 0)`;

const numberOf = (value: unknown): unknown => (typeof value === "number" ? value : Number(value));
const textOf = (value: unknown): unknown => (Buffer.isBuffer(value) ? value.toString("utf8") : String(value ?? ""));
const hexOf = (value: unknown): unknown => (Buffer.isBuffer(value) ? `0x${value.toString("hex")}` : String(value));

/** The shortest number that is this one in 32 bits, as people write it: 0.1 instead of 0.10000000149011612. */
function singleOf(value: unknown): unknown {
  const exact = Number(value);
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(exact.toPrecision(digits));
    if (Math.fround(short) === exact) return short;
  }
  return exact;
}

const bitsOf = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? BigInt(`0x${value.toString("hex") || "0"}`).toString() : String(value);

const jsonOf = (value: unknown): unknown => (typeof value === "string" ? JSON.parse(value) : value);

/** The log has its 16 bytes, a query their text. */
function uuidOf(value: unknown): unknown {
  if (!Buffer.isBuffer(value)) return String(value);
  return pad(value, 16)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const inet4Of = (value: unknown): unknown => (Buffer.isBuffer(value) ? [...pad(value, 4)].join(".") : String(value));

/** Every address has one form: that of RFC 5952, without dots. */
function inet6Of(value: unknown): unknown {
  const text = Buffer.isBuffer(value) ? (pad(value, 16).toString("hex").match(/.{4}/g) ?? []).join(":") : String(value);
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}

/** The log leaves out the zeros at the end. */
const pad = (value: Buffer, length: number): Buffer => Buffer.concat([value, Buffer.alloc(length)], length);

const NUMBER: ValueKind = { decode: numberOf, read: plainly, order: "number" };
const EXACT_TEXT: ValueKind = { decode: textOf, read: plainly, order: "number" };
const TEXT: ValueKind = { decode: textOf, read: plainly, order: "text" };
const BYTES: ValueKind = { decode: hexOf, read: plainly, order: "bytes" };
const CHOICE: ValueKind = { decode: textOf, read: plainly, order: "index" };

const KINDS: ReadonlyMap<string, ValueKind> = new Map<string, ValueKind>([
  ...["tinyint", "smallint", "mediumint", "int", "integer", "year", "double"].map((type): [string, ValueKind] => [
    type,
    NUMBER,
  ]),
  ["float", { decode: singleOf, read: (column) => `(${column} + 0e0)`, order: "number" }],
  ...["bigint", "decimal"].map((type): [string, ValueKind] => [type, EXACT_TEXT]),
  ["bit", { decode: bitsOf, read: asNumber, order: "number" }],
  ...["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector"].map(
    (type): [string, ValueKind] => [type, BYTES],
  ),
  ...["enum", "set"].map((type): [string, ValueKind] => [type, CHOICE]),
  ["json", { decode: jsonOf, read: plainly, order: "text" }],
  ["uuid", { decode: uuidOf, read: plainly, order: "text" }],
  ["inet4", { decode: inet4Of, read: plainly, order: "text" }],
  ["inet6", { decode: inet6Of, read: plainly, order: "text" }],
  ...["geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"].map(
    (type): [string, ValueKind] => [type, { decode: (value) => value, read: plainly, order: "bytes" }],
  ),
]);

/** `type` as the catalog or the log says it, such as `varchar(20)` or `int unsigned`. */
export function kindOf(type: string): ValueKind {
  return KINDS.get(/^[a-z0-9]+/i.exec(type)?.[0]?.toLowerCase() ?? "") ?? TEXT;
}

/** Types of MariaDB that its log calls by the name of what they are stored as. */
const STORED_AS_BYTES = /^(uuid|inet4|inet6)/i;

/** The kind of a column in the log, where the catalog may know better what it is. */
export function kindInLog(logged: string, known: string | undefined): ValueKind {
  return known !== undefined && STORED_AS_BYTES.test(known) && /^binary/i.test(logged) ? kindOf(known) : kindOf(logged);
}
