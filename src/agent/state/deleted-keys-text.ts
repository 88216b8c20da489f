/**
 * The text of a journal of deleted keys: one JSON value a line, the first one says what it is.
 *
 *     {"version":1,"receiver":"http://127.0.0.1:8102"}
 *     ["+","/a","/b"]                     deletes of these keys are about to be sent
 *     ["-","/a"]                          these keys were lifted
 *     ["=",false,["/d"],["/b"]]           from here on: everything unknown or not, directories, keys
 *
 * A last line without its end was being written when the process died: whatever it was about to say had not been sent
 * yet.
 */
export const JOURNAL_VERSION = 1;

/** What a journal amounts to. */
export interface DeletedState {
  readonly keys: Set<string>;
  readonly directories: Set<string>;
  everything: boolean;
}

export const nothingDeleted = (): DeletedState => ({ keys: new Set(), directories: new Set(), everything: false });

export type JournalReading =
  | { readonly kind: "good"; readonly receiver: string; readonly state: DeletedState }
  | { readonly kind: "unusable"; readonly reason: string };

const areTexts = (values: readonly unknown[]): values is readonly string[] =>
  values.every((value) => typeof value === "string");

export const headerLine = (receiver: string): string => `${JSON.stringify({ version: JOURNAL_VERSION, receiver })}\n`;
export const noteLine = (keys: readonly string[]): string => `${JSON.stringify(["+", ...keys])}\n`;
export const forgetLine = (keys: readonly string[]): string => `${JSON.stringify(["-", ...keys])}\n`;
export const replaceLine = (everything: boolean, directories: readonly string[], keys: readonly string[]): string =>
  `${JSON.stringify(["=", everything, directories, keys])}\n`;

/** False when the line says nothing that is understood. */
function apply(state: DeletedState, line: string): boolean {
  const value: unknown = JSON.parse(line);
  if (!Array.isArray(value)) return false;
  const [verb, ...rest] = value as readonly unknown[];
  if (verb === "=") return replace(state, rest);
  if ((verb !== "+" && verb !== "-") || !areTexts(rest)) return false;
  for (const key of rest) {
    if (verb === "+") state.keys.add(key);
    else state.keys.delete(key);
  }
  return true;
}

function replace(state: DeletedState, [everything, directories, keys]: readonly unknown[]): boolean {
  if (typeof everything !== "boolean" || !Array.isArray(directories) || !Array.isArray(keys)) return false;
  if (!areTexts(directories) || !areTexts(keys)) return false;
  state.everything = everything;
  state.directories.clear();
  state.keys.clear();
  for (const directory of directories) state.directories.add(directory);
  for (const key of keys) state.keys.add(key);
  return true;
}

function receiverOf(header: string): string | undefined {
  const value = JSON.parse(header) as { readonly version?: unknown; readonly receiver?: unknown } | null;
  return value?.version === JOURNAL_VERSION && typeof value.receiver === "string" ? value.receiver : undefined;
}

/** For any text whatever. */
export function readJournal(text: string): JournalReading {
  const lines = text.split("\n");
  lines.pop();
  const state = nothingDeleted();
  let number = 1;
  try {
    const receiver = receiverOf(lines[0] ?? "");
    if (receiver === undefined) return { kind: "unusable", reason: "its first line is no header of this version" };
    for (; number < lines.length; number++) {
      if (!apply(state, lines[number] ?? "")) return { kind: "unusable", reason: `line ${number + 1} says nothing` };
    }
    return { kind: "good", receiver, state };
  } catch {
    return { kind: "unusable", reason: `line ${number + (lines.length > 1 ? 1 : 0)} is no JSON` };
  }
}
