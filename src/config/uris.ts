/** What a `uri` must be, per driver. Messages never repeat it: it may hold a secret. */

import { fileURLToPath } from "node:url";
import type { Place, Problems } from "./problem.ts";

/** The absolute path of an `fs` source, without trailing slashes; undefined when a problem was recorded. */
export function directoryOf(uri: string, at: Place, problems: Problems): string | undefined {
  const path = uri.startsWith("file:") ? pathOfFileUri(uri) : uri;
  if (path === undefined) {
    problems.error(at, "is no file:// URI of this machine", "write file:///absolute/path or just the path");
    return undefined;
  }
  if (path.includes("\0")) {
    problems.error(at, "holds a NUL character", "remove it");
    return undefined;
  }
  if (/^~/.test(path)) {
    problems.error(at, "begins with ~, which is not replaced here", "write the whole path, for example /home/me/data");
    return undefined;
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(path)) {
    problems.error(at, "is no directory", "write an absolute path, for example /data/research");
    return undefined;
  }
  if (!path.startsWith("/")) {
    problems.error(at, "is a relative path", "begin it with /, for example /data/research");
    return undefined;
  }
  return path.replace(/\/+$/, "") || "/";
}

function pathOfFileUri(uri: string): string | undefined {
  try {
    return fileURLToPath(uri);
  } catch {
    return undefined;
  }
}

/** The base URL of a Fusion, without trailing slashes; undefined when a problem was recorded. */
export function baseUrlOf(uri: string, at: Place, problems: Problems): URL | undefined {
  const url = URL.canParse(uri) ? new URL(uri) : undefined;
  const example = "for example http://localhost:8102";
  if (url === undefined || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(uri.trim())) {
    problems.error(at, "is no http or https URL", `write the address of Fusion, ${example}`);
    return undefined;
  }
  if (url.username !== "" || url.password !== "") {
    problems.error(at, "holds a user or password", "move it to credential");
    return undefined;
  }
  if (/[?#]/.test(uri)) {
    problems.error(at, "holds a query or fragment", `write the base address only, ${example}`);
    return undefined;
  }
  return url;
}

export const withoutTrailingSlash = (url: URL): string => url.href.replace(/\/+$/, "");

/** Whether traffic to this host stays on this machine. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname.toLowerCase();
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}
