import type { EntryCheck, EntryKey } from "../../src/sdk/index.ts";

export interface EntryDesk {
  readonly check: EntryCheck;
  /** `key: what, cure`, as a user would read them. */
  readonly errors: string[];
  readonly warnings: string[];
}

/** What a driver's check is handed, on a machine of the test's own. */
export function entryCheck(
  options: { readonly variables?: Readonly<Record<string, string>>; readonly written?: readonly EntryKey[] } = {},
): EntryDesk {
  const errors: string[] = [];
  const warnings: string[] = [];
  const check: EntryCheck = {
    isWritten: (key) => options.written?.includes(key) ?? false,
    variable: (name) => options.variables?.[name],
    expand: (text) => text,
    error: (key, what, cure, origin) => {
      errors.push(`${key}${origin === undefined ? "" : ` (${origin})`}: ${what}, ${cure}`);
    },
    warn: (key, what, cure) => {
      warnings.push(`${key}: ${what}, ${cure}`);
    },
  };
  return { check, errors, warnings };
}
