/** What can be said of an entry of the configuration before anything is asked of the network. */
import { isAbsolute } from "node:path";
import {
  type Credential,
  type DriverEntry,
  type EntryCheck,
  isLoopback,
  omitUndefined,
  proxyFor,
  type WrittenEntry,
} from "fustor-agent/sdk";
import type { OpenApiParams } from "./params.ts";

type AddressKey = "uri" | "driver_params.server";

const EXAMPLE = "for example http://localhost:9000/openapi.json";

/** Whether the document is a file of this machine. */
export const isFile = (uri: string): boolean => isAbsolute(uri);

/** An http or https address without user and password; undefined when an error was reported. */
function addressOf(written: string, key: AddressKey, check: EntryCheck): URL | undefined {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !/^https?:\/\//i.test(written.trim())) {
    const what = key === "uri" ? "is neither an http or https URL nor an absolute path" : "is no http or https URL";
    const cure = key === "uri" ? `write where the OpenAPI document is, ${EXAMPLE}` : "write the service's base address";
    check.error(key, what, cure);
    return undefined;
  }
  if (url.username !== "" || url.password !== "") {
    check.error(key, "holds a user or password", "move it to credential");
    return undefined;
  }
  url.hash = "";
  // A document may be asked for by a query; below a base address there is no place for one.
  if (key !== "uri") url.search = "";
  return url;
}

function checkCredential(credential: Credential | undefined, check: EntryCheck): void {
  if (credential?.kind !== "key" || /^[\x21-\x7e]+$/.test(credential.key)) return;
  check.error(
    "credential",
    "holds a space or a letter outside ASCII, which no HTTP header carries",
    "copy the key again",
  );
}

function warnOfPlainHttp(url: URL | undefined, key: AddressKey, check: EntryCheck): void {
  if (url?.protocol === "http:" && !isLoopback(url)) {
    check.warn(key, "sends the credential over plain http to another machine", "use https, or a tunnel");
  }
}

export function checkEntry(
  { uri, credential, params }: WrittenEntry<OpenApiParams>,
  check: EntryCheck,
): DriverEntry<OpenApiParams> | undefined {
  checkCredential(credential, check);
  if (uri === undefined || params === undefined) return undefined;
  const url = isFile(uri) ? undefined : addressOf(uri, "uri", check);
  const server = params.server === undefined ? undefined : addressOf(params.server, "driver_params.server", check);
  const isRefused = (!isFile(uri) && url === undefined) || (params.server !== undefined && server === undefined);
  if (isRefused) return undefined;
  if (credential !== undefined) {
    warnOfPlainHttp(url, "uri", check);
    warnOfPlainHttp(server, "driver_params.server", check);
  }
  return omitUndefined({
    uri: url?.href ?? uri,
    credential,
    params: { ...params, server: server?.href, proxy: proxyOf(params, server ?? url, check) },
  });
}

/**
 * The proxy that leads to the service. Where only the document knows the service's address, only a proxy that is written
 * counts.
 */
function proxyOf({ proxy }: OpenApiParams, target: URL | undefined, check: EntryCheck): string | undefined {
  const written = proxy === undefined ? undefined : check.expand(proxy, "driver_params.proxy");
  if (proxy !== undefined && written === undefined) return undefined;
  if (target === undefined && written === undefined) return undefined;
  return proxyFor(target ?? new URL("http://localhost"), written, check);
}
