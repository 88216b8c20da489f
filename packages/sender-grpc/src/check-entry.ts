/** What can be said of an entry of the configuration before anything is asked of the network. */
import {
  type Credential,
  type DriverEntry,
  type EntryCheck,
  isLoopback,
  omitUndefined,
  type WrittenEntry,
} from "fustor-agent/sdk";
import type { GrpcParams } from "./params.ts";

const DEFAULT_PORT = "8103";
/** What is shorter guards nothing, and cannot be taken out of messages without garbling them. */
const LEAST_KEY_CHARS = 6;

function checkCredential(credential: Credential | undefined, check: EntryCheck): void {
  if (!check.isWritten("credential")) {
    check.warn(
      "credential",
      "has no credential",
      "the receiver refuses agents without a key; add credential: {key: ...}",
    );
  } else if (credential?.kind === "password") {
    check.error("credential", "is a user and password, but the receiver takes a key", "write credential: {key: ...}");
  } else if (credential !== undefined && credential.key.length < LEAST_KEY_CHARS) {
    check.error(
      "credential",
      `is too short to be a key (less than ${LEAST_KEY_CHARS} characters)`,
      "copy the key again",
    );
  } else if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential.key)) {
    check.error(
      "credential",
      "holds a space or a letter outside ASCII, which no metadata carries",
      "copy the key again",
    );
  }
}

/** `grpc://` or `grpcs://` with a port; undefined when an error was reported. */
function addressOf(written: string, check: EntryCheck): URL | undefined {
  const url = URL.canParse(written.trim()) ? new URL(written.trim()) : undefined;
  if (url === undefined || !/^grpcs?:$/.test(url.protocol) || url.hostname === "") {
    const cure = "write grpcs://host:8103, or grpc://localhost:8103 without TLS";
    check.error("uri", "is neither a grpc nor a grpcs address", cure);
    return undefined;
  }
  if (url.username !== "" || url.password !== "") {
    check.error("uri", "holds a user or password", "move the key to credential");
    return undefined;
  }
  if (!/^\/?$/.test(url.pathname) || url.search !== "" || url.hash !== "") {
    check.error("uri", "has something behind the port", "write host and port alone");
    return undefined;
  }
  if (url.port === "") url.port = DEFAULT_PORT;
  return url;
}

export function checkEntry(
  { uri, credential, params }: WrittenEntry<GrpcParams>,
  check: EntryCheck,
): DriverEntry<GrpcParams> | undefined {
  checkCredential(credential, check);
  const url = uri === undefined ? undefined : addressOf(uri, check);
  if (url?.protocol === "grpc:" && credential !== undefined && !isLoopback(url)) {
    check.warn("uri", "sends the key without TLS to another machine", "write grpcs://, or use a tunnel");
  }
  if (url === undefined || params === undefined) return undefined;
  return omitUndefined({ uri: `${url.protocol}//${url.host}`, credential, params });
}
