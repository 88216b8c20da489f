/** What a driver's check is handed: the environment, and reports that land at the key which they are about. */

import type { EntryCheck, EntryKey } from "../sdk/index.ts";
import type { Place, Problems } from "../yaml/problem.ts";
import { isNull } from "../yaml/tree.ts";
import type { RawEntry } from "./entries.ts";
import { type Field, type Fields, joinPath, placeOf } from "./fields.ts";
import { expandSecrets, type SecretReader } from "./secrets.ts";

export interface EntryFields {
  readonly entry: RawEntry;
  readonly fields: Fields;
  /** Those of `driver_params`. */
  readonly paramFields: Fields;
}

const PARAMS = "driver_params.";

const paramOf = (key: EntryKey): string | undefined => (key.startsWith(PARAMS) ? key.slice(PARAMS.length) : undefined);

function fieldOf({ fields, paramFields }: EntryFields, key: EntryKey): Field | undefined {
  const param = paramOf(key);
  return param === undefined ? fields.get(key) : paramFields.get(param);
}

/** Where to point for a key that may be missing: itself, else its block. */
function placeOfKey(of: EntryFields, key: EntryKey): Place {
  const param = paramOf(key);
  if (param === undefined) return placeOf(of.fields, key, of.entry);
  const block = of.fields.get("driver_params") ?? of.entry;
  return fieldOf(of, key) ?? { origin: block.origin, path: joinPath(block.path, param) };
}

/** `onExpanded` gets each text of a key, and what it amounts to. */
export function entryCheck(
  of: EntryFields,
  secrets: SecretReader,
  problems: Problems,
  onExpanded: (key: string, written: string, value: string | undefined) => void,
): EntryCheck {
  return {
    isWritten: (key) => {
      const field = fieldOf(of, key);
      return field !== undefined && !isNull(field.node);
    },
    variable: (name) => secrets.variable(name),
    expand: (written, key) => {
      const value = expandSecrets(written, placeOfKey(of, key), secrets, problems);
      onExpanded(key, written, value);
      return value;
    },
    error: (key, what, cure, origin) => {
      const at = placeOfKey(of, key);
      problems.error(origin === undefined ? at : { ...at, path: `${at.path} (${origin})` }, what, cure);
    },
    warn: (key, what, cure) => problems.warn(placeOfKey(of, key), what, cure),
  };
}
