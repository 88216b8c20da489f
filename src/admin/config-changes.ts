/** What differs between two configurations, as they may be shown. */
import { isDeepStrictEqual } from "node:util";
import type { AgentConfig } from "../config/model.ts";
import { configView } from "./config-view.ts";

export interface ConfigChange {
  /** `senders.to-fusion.batchEvents`. */
  readonly key: string;
  /** Null: it is not there. */
  readonly before: unknown;
  readonly after: unknown;
}

type Members = Readonly<Record<string, unknown>>;

const isBlock = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const byId = (entries: readonly unknown[]): Members =>
  Object.fromEntries(entries.map((entry) => [(entry as { readonly id: string }).id, entry]));

function blocksOf(config: AgentConfig): Members {
  const { sources, senders, pipes, ...rest } = configView(config);
  return { ...rest, sources: byId(sources), senders: byId(senders), pipes: byId(pipes) };
}

function changesOf(key: string, before: unknown, after: unknown): readonly ConfigChange[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (!isBlock(before) || !isBlock(after)) return [{ key, before: before ?? null, after: after ?? null }];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => changesOf(key === "" ? name : `${key}.${name}`, before[name], after[name]));
}

/** A secret that became another one is not among them: both are shown as `***`. */
export const configChanges = (before: AgentConfig, after: AgentConfig): readonly ConfigChange[] =>
  changesOf("", blocksOf(before), blocksOf(after));
