/**
 * Collects what is wrong with a configuration, so that a user sees all of it at once. Secrets never enter a problem.
 */

import { FustorError } from "../sdk/errors.ts";

/** Where an entry stands, for messages. Line and column count from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `file:line:col key: what is wrong, what to do` */
export interface ConfigProblem {
  readonly origin: Origin;
  /** Dotted path of the key, e.g. `senders[0].config.endpoint`. */
  readonly key: string;
  readonly what: string;
  readonly cure: string;
}

export interface Problems {
  error(at: Place, what: string, cure: string): void;
  warn(at: Place, what: string, cure: string): void;
}

export interface Place {
  readonly origin: Origin;
  /** Dotted path of the key. */
  readonly path: string;
}

export class ProblemLog implements Problems {
  readonly errors: ConfigProblem[] = [];
  readonly warnings: ConfigProblem[] = [];

  error(at: Place, what: string, cure: string): void {
    this.errors.push({ origin: at.origin, key: at.path, what, cure });
  }

  warn(at: Place, what: string, cure: string): void {
    this.warnings.push({ origin: at.origin, key: at.path, what, cure });
  }
}

/** The first place of a file, for problems with the file as a whole. */
export const startOf = (file: string): Origin => ({ file, line: 1, column: 1 });

/** Keeps text from a configuration from steering the terminal it is printed on. */
export const printable = (text: string): string =>
  text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );

/** Quotes a value of the configuration in a message; long ones are cut. */
export const quoted = (value: string): string => `"${value.length > 80 ? `${value.slice(0, 77)}...` : value}"`;

export const formatOrigin = (origin: Origin): string => `${origin.file}:${origin.line}:${origin.column}`;

/** `file:line:col key: what is wrong, what to do` */
export function formatProblem(problem: ConfigProblem): string {
  const key = problem.key === "" ? "" : ` ${problem.key}`;
  return printable(`${formatOrigin(problem.origin)}${key}: ${problem.what}, ${problem.cure}`);
}

/** In the order in which a reader meets them. */
export function byPosition(a: ConfigProblem, b: ConfigProblem): number {
  if (a.origin.file !== b.origin.file) return a.origin.file < b.origin.file ? -1 : 1;
  return a.origin.line - b.origin.line || a.origin.column - b.origin.column;
}

/** The error for a configuration with at least one problem: every one of them, one per line. */
export function invalidConfig(problems: readonly ConfigProblem[], warnings: readonly ConfigProblem[]): FustorError {
  return new FustorError("FUSTOR_CONFIG_INVALID", problems.map(formatProblem).join("\n"), {
    details: { problems, warnings },
  });
}
