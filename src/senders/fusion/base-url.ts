/** The address of a Fusion. Messages never repeat it: it may hold a secret. */
import type { EntryCheck, EntryKey } from "../../sdk/index.ts";

const exampleFor = (key: EntryKey): string => `for example http://localhost:${key === "uri" ? 8102 : 8101}`;

/** The base address that stands at a key; undefined when an error was reported. */
export function baseUrlOf(uri: string, check: EntryCheck, key: EntryKey = "uri"): URL | undefined {
  const example = exampleFor(key);
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(uri.trim())) {
    check.error(key, "is no http or https URL", `write the address of Fusion, ${example}`);
    return undefined;
  }
  if (url.username !== "" || url.password !== "") {
    check.error(key, "holds a user or password", key === "uri" ? "move it to credential" : "write key: ... for a key");
    return undefined;
  }
  if (/[?#]/.test(uri)) {
    check.error(key, "holds a query or fragment", `write the base address only, ${example}`);
    return undefined;
  }
  return url;
}

export const withoutTrailingSlash = (url: URL): string => url.href.replace(/\/+$/, "");
