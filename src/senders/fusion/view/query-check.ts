/** The check of `driver_params.query`. */
import { isLoopback } from "../../../sdk/http/loopback.ts";
import { proxyFor } from "../../../sdk/http/proxy.ts";
import { LEAST_SECRET_CHARS } from "../../../sdk/http/secret-mask.ts";
import { type EntryCheck, omitUndefined } from "../../../sdk/index.ts";
import { baseUrlOf, withoutTrailingSlash } from "../base-url.ts";
import type { QueryParams } from "../fusion-params.ts";

const KEY = "driver_params.query";
export const NO_PROXY = "none";

/** With placeholders replaced. `proxy`: the sender's, as it is written. What is wrong is reported. */
export function checkedQuery(asked: QueryParams, proxy: string | undefined, check: EntryCheck): QueryParams {
  const endpoint = asked.endpoint === undefined ? undefined : check.expand(asked.endpoint, KEY);
  const url = endpoint === undefined ? undefined : baseUrlOf(endpoint, check, KEY);
  const key = asked.key === undefined ? undefined : check.expand(asked.key, KEY);
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    check.error(KEY, "holds a key with a space or a letter outside ASCII", "copy the key again");
  } else if (key !== undefined && key.length < LEAST_SECRET_CHARS) {
    check.error(KEY, `holds a key of less than ${LEAST_SECRET_CHARS} characters`, "copy the key again");
  }
  if (url?.protocol === "http:" && !isLoopback(url)) {
    check.warn(KEY, "sends the key over plain http to another machine", "use https, or a tunnel");
  }
  const written = asked.proxy === undefined ? proxy : check.expand(asked.proxy, KEY);
  const resolved = url === undefined ? written : (proxyFor(url, written, check) ?? NO_PROXY);
  return omitUndefined({
    endpoint: url === undefined ? undefined : withoutTrailingSlash(url),
    key,
    view: asked.view,
    proxy: resolved,
  });
}
