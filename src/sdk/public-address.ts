/**
 * Addresses as they may be shown: in status, on the page, in logs and errors. Users and passwords are left out, values
 * of the query are masked: databases and object stores take their secrets there.
 */

const MASK = "***";

const IS_PATH = /^[/.~]/;
const USER_OF_URL = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;
const USER_ALONE = /^[^\s/?#@]+:[^\s@]*@/;
const UP_TO_LAST_AT = /^([a-z][a-z0-9+.-]*:\/\/).*@/i;
const SECRET_MEMBER =
  /((?:^|[;,\s])(?:[\w.-]*(?:password|passwd|pwd|secret|token|key|credential)[\w.-]*)\s*=)[^;,\s?#]*/gi;

function withoutUser(address: string): string {
  const plain = address.replace(USER_OF_URL, "$1");
  if (plain !== address) return plain;
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(address)) return address.replace(USER_ALONE, "");
  // A password may hold a slash or a question mark as it is: then the address is none, unless it means a port.
  return address.includes("@") && !URL.canParse(address) ? address.replace(UP_TO_LAST_AT, "$1") : address;
}

/** `a=1&b` becomes `a=***&***`. */
const masked = (query: string): string =>
  query
    .split("&")
    .map((part) => (part === "" ? "" : part.includes("=") ? `${part.slice(0, part.indexOf("="))}=${MASK}` : MASK))
    .join("&");

/** A path is returned as it is. */
export function publicAddress(address: string): string {
  if (IS_PATH.test(address)) return address;
  const [, place = "", query, fragment] = /^([^?#]*)(?:\?([^#]*))?(?:#([\s\S]*))?$/.exec(withoutUser(address)) ?? [];
  const shownQuery = query === undefined ? "" : `?${masked(query)}`;
  const shownFragment = fragment === undefined || fragment === "" ? "" : `#${MASK}`;
  return `${place.replace(SECRET_MEMBER, `$1${MASK}`)}${shownQuery}${shownFragment}`;
}

/** Up to a space, a quote or a bracket that no address holds; what ends a sentence does not belong to it. */
const ADDRESS_IN_TEXT = /[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>\\]+/gi;

/** A text with every address in it as it may be shown. */
export function publicText(text: string): string {
  if (!text.includes("://")) return text;
  return text.replace(ADDRESS_IN_TEXT, (found) => {
    const end = /[),.;:\]}]*$/.exec(found)?.[0] ?? "";
    return `${publicAddress(found.slice(0, found.length - end.length))}${end}`;
  });
}
