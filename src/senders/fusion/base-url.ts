/** The address of a Fusion. Messages never repeat it: it may hold a secret. */
import type { EntryCheck } from "../../sdk/index.ts";

const EXAMPLE = "for example http://localhost:8102";

/** The base address; undefined when an error was reported. */
export function baseUrlOf(uri: string, check: EntryCheck): URL | undefined {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(uri.trim())) {
    check.error("uri", "is no http or https URL", `write the address of Fusion, ${EXAMPLE}`);
    return undefined;
  }
  if (url.username !== "" || url.password !== "") {
    check.error("uri", "holds a user or password", "move it to credential");
    return undefined;
  }
  if (/[?#]/.test(uri)) {
    check.error("uri", "holds a query or fragment", `write the base address only, ${EXAMPLE}`);
    return undefined;
  }
  return url;
}

export const withoutTrailingSlash = (url: URL): string => url.href.replace(/\/+$/, "");
