/** The options of the pipe commands as the entry that a configuration file would have. */
import { parse } from "yaml";
import type { PipeEntry } from "../sdk/index.ts";
import type { PipeSetting } from "./pipe-settings.ts";

export interface PipeOptions {
  readonly source?: string;
  readonly sourceUri?: string;
  readonly sender?: string;
  readonly disabled?: boolean;
  readonly set?: readonly PipeSetting[];
  readonly unset?: readonly PipeSetting[];
}

/** What is set by its key wins. */
export function pipeEntryOf({ source, sourceUri, sender, disabled, set = [], unset = [] }: PipeOptions): PipeEntry {
  const named = Object.entries({ source, source_uri: sourceUri, sender }).filter(([, value]) => value !== undefined);
  const entry: PipeEntry = { ...Object.fromEntries(named), ...(disabled === true ? { enabled: false } : {}) };
  return [...unset, ...set].reduce(
    (before, { key, text }) => placed(before, key.split("."), settingValue(text)),
    entry,
  );
}

/** As in a configuration file; what is nothing there, such as `*.csv` without quotes, is text. */
function settingValue(text: string | null): unknown {
  if (text === null) return null;
  try {
    return parse(text, { logLevel: "error" }) as unknown;
  } catch {
    return text;
  }
}

function placed(entry: PipeEntry, [first = "", ...rest]: readonly string[], value: unknown): PipeEntry {
  if (rest.length === 0) return { ...entry, [first]: value };
  const inner = entry[first];
  const block = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as PipeEntry) : {};
  return { ...entry, [first]: placed(block, rest, value) };
}
