/** `${env:NAME}` and `${file:/path}` in credentials and uris. What they resolve to never enters a message. */

import { isAbsolute } from "node:path";
import type { Place, Problems } from "../yaml/problem.ts";

/** Where secrets come from, handed in so that the reader of a configuration stays free of the machine. */
export interface SecretReader {
  variable(name: string): string | undefined;
  file(path: string): SecretFile;
  /** Of a configuration file. Default: it is not. */
  isReadableByAll?(file: string): boolean;
  /** Gets each placeholder that was replaced, with what it stood for. */
  onReplaced?(placeholder: string, value: string): void;
}

export type SecretFile =
  | { readonly kind: "text"; readonly text: string; readonly readableByOthers: boolean }
  /** `reason` completes "the file ...". */
  | { readonly kind: "unusable"; readonly reason: string };

const PLACEHOLDER = /\$\{([^}]*)(\}?)/g;

/** The text with every placeholder replaced, or undefined when one cannot be: the problem is then recorded. */
export function expandSecrets(text: string, at: Place, reader: SecretReader, problems: Problems): string | undefined {
  let failed = false;
  const expanded = text.replace(PLACEHOLDER, (whole, inside: string, end: string) => {
    const value = resolvePlaceholder(inside, end !== "", at, reader, problems);
    if (value.kind === "failed") failed = true;
    if (value.kind === "value") reader.onReplaced?.(whole, value.text);
    return value.kind === "value" ? value.text : whole;
  });
  return failed ? undefined : expanded;
}

type Resolved = { readonly kind: "value"; readonly text: string } | { readonly kind: "literal" | "failed" };

function resolvePlaceholder(
  inside: string,
  closed: boolean,
  at: Place,
  reader: SecretReader,
  problems: Problems,
): Resolved {
  const [, scheme, name = ""] = /^(env|file):([\s\S]*)$/.exec(inside) ?? [];
  if (scheme === undefined) {
    problems.warn(
      at,
      `holds a \${...} that is kept as it is`,
      `write \${env:NAME} or \${file:/path} to have it replaced`,
    );
    return { kind: "literal" };
  }
  if (!closed) return fail(at, problems, `holds a \${${scheme}: without its closing brace`, "add the }");
  return scheme === "env" ? fromVariable(name, at, reader, problems) : fromFile(name, at, reader, problems);
}

function fromVariable(name: string, at: Place, reader: SecretReader, problems: Problems): Resolved {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name)) {
    return fail(at, problems, `names no environment variable in \${env:...}`, "use letters, digits and _");
  }
  const value = reader.variable(name);
  if (value === undefined) {
    return fail(
      at,
      problems,
      `the environment variable ${name} is not set`,
      "set it, or write it into .env in the home",
    );
  }
  if (value === "") return fail(at, problems, `the environment variable ${name} is empty`, "give it a value");
  return { kind: "value", text: value };
}

function fromFile(path: string, at: Place, reader: SecretReader, problems: Problems): Resolved {
  if (!isAbsolute(path)) {
    return fail(at, problems, `names no absolute path in \${file:...}`, `write \${file:/the/whole/path}`);
  }
  const file = reader.file(path);
  if (file.kind === "unusable") {
    return fail(at, problems, `the file ${path} ${file.reason}`, "put the secret there, readable by the agent's user");
  }
  const text = file.text.replace(/\r?\n$/, "");
  if (text === "") return fail(at, problems, `the file ${path} is empty`, "put the secret there");
  if (file.readableByOthers) {
    problems.warn(at, `the file ${path} can be read by every user of this machine`, `run: chmod 600 ${path}`);
  }
  return { kind: "value", text };
}

function fail(at: Place, problems: Problems, what: string, cure: string): Resolved {
  problems.error(at, what, cure);
  return { kind: "failed" };
}

const PLACEHOLDER_VALUES = [
  /^<.*>$/,
  /^your[-_ ].*/i,
  /[-_]here$/i,
  /^change[-_ ]?(me|it|this)!?$/i,
  /^(replace|insert|enter)[-_ ]/i,
  /^x{3,}$/i,
  /^\*{3,}$/,
  /^\.{3,}$/,
  /^(todo|tbd|fixme|secret|password|example|placeholder|api[-_]?key)$/i,
];

/** A secret that stands in the configuration itself. */
export const isLiteral = (written: string): boolean =>
  !/\$\{(env|file):/.test(written) && !looksLikePlaceholder(written);

/** Text that somebody copied from an example and meant to replace. */
export const looksLikePlaceholder = (text: string): boolean =>
  PLACEHOLDER_VALUES.some((pattern) => pattern.test(text.trim()));
