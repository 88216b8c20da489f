/**
 * `credential`: a key as text, `{key|api_key, user?}` or `{user, passwd|password?}`. Values and unknown names are never
 * told.
 */

import { nearest } from "../sdk/did-you-mean.ts";
import type { Credential } from "../sdk/index.ts";
import type { Place, Problems } from "../yaml/problem.ts";
import { isNull, type MapNode } from "../yaml/tree.ts";
import type { Field } from "./fields.ts";
import { expandSecrets, isLiteral, looksLikePlaceholder, type SecretReader } from "./secrets.ts";

const MEMBERS: Readonly<Record<string, "key" | "user" | "password">> = {
  key: "key",
  api_key: "key",
  user: "user",
  passwd: "password",
  password: "password",
};

const FORMS = "write a key as text, {key: ...}, or {user: ..., passwd: ...}";

/** The credential, or undefined when there is none or a problem with it was recorded. */
export function readCredential(field: Field, reader: SecretReader, problems: Problems): Credential | undefined {
  const { node } = field;
  if (isNull(node)) return undefined;
  if (node.kind === "list") {
    problems.error(field, "is a list", FORMS);
    return undefined;
  }
  if (node.kind === "map") return readMembers(field, node, reader, problems);
  const key = secretText(node.value, field, reader, problems);
  return key === undefined ? undefined : { kind: "key", key };
}

/** A secret of at least `length` characters that can stand in a header as it is. */
export function readToken(field: Field, length: number, reader: SecretReader, problems: Problems): string | undefined {
  const { node } = field;
  if (isNull(node)) return undefined;
  const token = secretText(node.kind === "scalar" ? node.value : undefined, field, reader, problems);
  if (token === undefined || new RegExp(`^[\\x21-\\x7e]{${length},}$`).test(token)) return token;
  problems.error(field, "can be guessed, or holds a space", `write at least ${length} letters, digits and signs`);
  return undefined;
}

function readMembers(field: Field, map: MapNode, reader: SecretReader, problems: Problems): Credential | undefined {
  const values = new Map<string, string>();
  let usable = true;
  for (const entry of map.entries) {
    const name = Object.hasOwn(MEMBERS, entry.key) ? MEMBERS[entry.key] : undefined;
    if (name === undefined) {
      unknownMember(entry.key, { origin: entry.keyOrigin, path: field.path }, problems);
      usable = false;
      continue;
    }
    const at: Place = { origin: entry.keyOrigin, path: `${field.path}.${entry.key}` };
    if (isNull(entry.value)) continue;
    const scalar = entry.value.kind === "scalar" ? entry.value.value : undefined;
    const text = secretText(scalar, at, reader, problems, name !== "user");
    if (values.has(name)) problems.error(at, `says the same as another member`, "keep one of them");
    if (text === undefined || values.has(name)) usable = false;
    else values.set(name, text);
  }
  return usable ? compose(values, field, problems) : undefined;
}

function compose(values: ReadonlyMap<string, string>, at: Place, problems: Problems): Credential | undefined {
  const key = values.get("key");
  const user = values.get("user");
  const password = values.get("password");
  if (key !== undefined && password !== undefined) {
    problems.error(at, "holds a key and a password", "keep the one that the other side asks for");
    return undefined;
  }
  if (key !== undefined) return { kind: "key", key, ...(user === undefined ? {} : { user }) };
  if (user !== undefined) return { kind: "password", user, password: password ?? "" };
  problems.error(at, password === undefined ? "is empty" : "holds a password without a user", FORMS);
  return undefined;
}

/** A name that is near no known one may be the secret itself, written without its key: it is not repeated. */
function unknownMember(name: string, at: Place, problems: Problems): void {
  const similar = nearest(name, Object.keys(MEMBERS));
  problems.error(
    at,
    "holds a member that is not known",
    similar === undefined ? FORMS : `did you mean "${similar}"? Known are ${Object.keys(MEMBERS).join(", ")}`,
  );
}

function secretText(
  value: unknown,
  at: Place,
  reader: SecretReader,
  problems: Problems,
  secret = true,
): string | undefined {
  if (typeof value !== "string") {
    problems.error(at, "is not text", "put the value in quotes");
    return undefined;
  }
  const text = expandSecrets(value, at, reader, problems);
  if (text === undefined) return undefined;
  const { file } = at.origin;
  if (secret && isLiteral(value) && reader.isReadableByAll?.(file) === true) {
    const cure = `run: chmod 600 ${file}, or write \${env:NAME} or \${file:/path}`;
    problems.warn(at, "stands in a file that every user of this machine can read", cure);
  }
  if (text.trim() === "") {
    problems.error(at, "is empty", "give it a value or remove it");
    return undefined;
  }
  if (/\p{Cc}/u.test(text)) {
    problems.error(at, "holds a line break or another control character", "write the value on one line");
    return undefined;
  }
  if (secret && looksLikePlaceholder(text)) {
    problems.warn(at, "looks like a placeholder", `put the real value there, best as \${env:NAME} or \${file:/path}`);
  }
  return text;
}
