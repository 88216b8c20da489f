/** One page of ListObjectsV2, and the error document of a store. Pure. */
export interface Listed {
  readonly key: string;
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
  readonly etag: string;
}

export interface ListPage {
  readonly objects: readonly Listed[];
  /** Undefined at the end of the listing. */
  readonly next: string | undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const unescaped = (text: string): string =>
  text.includes("&")
    ? text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, digits?: string, name?: string) => {
        if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
        if (digits !== undefined) return String.fromCodePoint(Number(digits));
        return ENTITIES[name ?? ""] ?? whole;
      })
    : text;

function rawBetween(text: string, tag: string, from = 0, to = text.length): string | undefined {
  const begin = text.indexOf(`<${tag}>`, from);
  if (begin < 0 || begin >= to) return undefined;
  const start = begin + tag.length + 2;
  const end = text.indexOf(`</${tag}>`, start);
  return end < 0 || end > to ? undefined : text.slice(start, end);
}

function between(text: string, tag: string, from?: number, to?: number): string | undefined {
  const raw = rawBetween(text, tag, from, to);
  return raw === undefined ? undefined : unescaped(raw);
}

/** Asked for `encoding-type=url`, stores write a space as `+` or `%20`, and `+` always as `%2B`. */
const urlDecoded = (text: string): string =>
  /[%+]/.test(text) ? decodeURIComponent(text.replaceAll("+", "%20")) : text;

/** Throws when the text is no whole page: what is cut short must not count as the end of a listing. */
export function parsePage(text: string): ListPage {
  const open = text.indexOf("<ListBucketResult");
  if (open < 0 || !text.trimEnd().endsWith("</ListBucketResult>")) throw new SyntaxError("it is no list of objects");
  const isEncoded = between(text, "EncodingType") === "url";
  const objects: Listed[] = [];
  let last = open;
  for (let at = text.indexOf("<Contents>"); at >= 0; at = text.indexOf("<Contents>", last)) {
    last = text.indexOf("</Contents>", at);
    if (last < 0) throw new SyntaxError("it is cut short");
    objects.push(listedIn(text, at, last, isEncoded));
  }
  if (Number(between(text, "KeyCount") ?? 0) > objects.length)
    throw new SyntaxError("it holds fewer keys than it says");
  return { objects, next: nextIn(text) };
}

/** Where the listing goes on. What says neither that it does nor that it ends is no page, or objects would be lost. */
function nextIn(text: string): string | undefined {
  const isTruncated = between(text, "IsTruncated")?.trim().toLowerCase();
  if (isTruncated === "false") return undefined;
  if (isTruncated !== "true") throw new SyntaxError("it does not say whether more follows");
  const next = between(text, "NextContinuationToken");
  if (next === undefined || next === "") throw new SyntaxError("more follows, but not where");
  return next;
}

function listedIn(text: string, from: number, to: number, isEncoded: boolean): Listed {
  const key = between(text, "Key", from, to);
  const size = Number(rawBetween(text, "Size", from, to));
  const modifiedMs = Date.parse(rawBetween(text, "LastModified", from, to) ?? "");
  if (key === undefined || !Number.isSafeInteger(size) || size < 0 || Number.isNaN(modifiedMs)) {
    throw new SyntaxError("an object lacks its key, its size or its time");
  }
  return {
    key: isEncoded ? urlDecoded(key) : key,
    size,
    modifiedMs,
    // It is compared with others of its kind alone.
    etag: rawBetween(text, "ETag", from, to) ?? "",
  };
}

export interface StoreError {
  readonly code: string;
  readonly message: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** What the body of a refusal says; undefined when it is none of a store. */
export function parseError(text: string): StoreError | undefined {
  const code = text.includes("<Error>") ? between(text, "Code") : undefined;
  if (code === undefined) return undefined;
  const [region, endpoint] = [between(text, "Region"), between(text, "Endpoint")];
  return {
    code,
    message: between(text, "Message") ?? "",
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}
