/**
 * What a new configuration means for the pipes that run: pure, and without a word of any secret.
 *
 * Compared are resolved settings, so a default that is written out, another order of keys or a move to another file
 * changes nothing.
 */
import { isDeepStrictEqual } from "node:util";
import type { AgentConfig, PipeConfig, SenderConfig, SourceConfig } from "../../config/model.ts";
import type { NotStarted } from "../../config/select.ts";
import type { DriverRegistry } from "../../drivers/registry.ts";
import { FustorError } from "../../sdk/index.ts";

/** A configuration and the choice of its pipes that are to run. */
export interface AgentPlan {
  readonly config: AgentConfig;
  readonly pipes: readonly PipeConfig[];
  /** Why others are not among them. */
  readonly notStarted?: readonly NotStarted[];
}

/** A pipe with the settings of everything it is made of. */
export interface PipeTarget {
  readonly pipe: PipeConfig;
  readonly source: SourceConfig;
  readonly sender: SenderConfig;
  /** Those of the configuration. */
  readonly drivers: DriverRegistry;
}

/** Throws FUSTOR_CONFIG_INVALID when the pipe names a source or sender that is not there. */
export function resolveTarget(pipe: PipeConfig, config: AgentConfig): PipeTarget {
  const source = config.sources.get(pipe.source);
  const sender = config.senders.get(pipe.sender);
  if (source === undefined || sender === undefined) {
    throw new FustorError("FUSTOR_CONFIG_INVALID", `the pipe ${pipe.id} names a source or sender that is not there`);
  }
  return { pipe, source, sender, drivers: config.drivers };
}

export interface ReloadPlan {
  /** Ids, in the order of the new configuration. */
  readonly added: readonly string[];
  readonly changed: readonly { readonly pipe: string; readonly reasons: readonly string[] }[];
  readonly unchanged: readonly string[];
  /** Those among the unchanged whose sender took another key in its session. */
  readonly taken?: readonly string[];
  /** In the order of the old one. */
  readonly removed: readonly string[];
}

/** Keys of the model that a user writes differently. */
const WRITTEN_AS: Readonly<Record<string, string>> = {
  maxQueueEvents: "max_queue_size",
  batchEvents: "batch_size",
  timeoutMs: "timeout_sec",
  auditIntervalMs: "audit_interval_sec",
  sentinelIntervalMs: "sentinel_interval_sec",
  errorRetryIntervalMs: "error_retry_interval",
  maxBackoffMs: "max_backoff_seconds",
};

const writtenAs = (key: string): string =>
  WRITTEN_AS[key] ?? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Where something stands, what it is called, how it is written, and whether it starts by itself does not change what it does. */
const WITHOUT_EFFECT = new Set(["id", "origin", "form", "enabled", "disabled", "written"]);

type Members = Readonly<Record<string, unknown>>;

const membersOf = (entry: PipeConfig | SourceConfig | SenderConfig): Members => {
  const { driverParams, ...members } = { driverParams: {}, ...entry };
  const params = Object.entries(driverParams).map(([key, value]) => [`driver_params.${key}`, value] as const);
  const plain = Object.entries(members).filter(([key]) => !WITHOUT_EFFECT.has(key));
  return Object.fromEntries([...plain.map(([key, value]) => [writtenAs(key), value] as const), ...params]);
};

/** Names of the keys that differ; never their values, which may be secret. */
function differingKeys(before: Members, after: Members): readonly string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key])).sort();
}

/** Why a pipe has to be made anew, one reason a part; none = it may go on. */
export function differences(before: PipeTarget, after: PipeTarget): readonly string[] {
  const parts = [
    ["", before.pipe, after.pipe],
    [`source ${after.source.id}: `, before.source, after.source],
    [`sender ${after.sender.id}: `, before.sender, after.sender],
  ] as const;
  return parts.flatMap(([name, old, now]) => {
    const keys = differingKeys(membersOf(old), membersOf(now));
    return keys.length === 0 ? [] : [`${name}${keys.join(", ")}`];
  });
}

/** Both lists without doubles of an id. */
export function planReload(before: readonly PipeTarget[], after: readonly PipeTarget[]): ReloadPlan {
  const running = new Map(before.map((target) => [target.pipe.id, target]));
  const wanted = new Set(after.map(({ pipe }) => pipe.id));
  const added: string[] = [];
  const unchanged: string[] = [];
  const changed: { readonly pipe: string; readonly reasons: readonly string[] }[] = [];
  for (const target of after) {
    const { id } = target.pipe;
    const old = running.get(id);
    const reasons = old === undefined ? [] : differences(old, target);
    if (old === undefined) added.push(id);
    else if (reasons.length > 0) changed.push({ pipe: id, reasons });
    else unchanged.push(id);
  }
  return { added, changed, unchanged, removed: [...running.keys()].filter((id) => !wanted.has(id)) };
}

export const startOnly = (name: string): string => `${name} changed: it takes effect when the agent is started again`;

/** What holds for the whole process and is read at its start only: a line for each that differs now. */
export function startOnlyChanges(before: AgentConfig, after: AgentConfig): readonly string[] {
  const names: string[] = [];
  if (before.agentId !== after.agentId) names.push("agent_id");
  if (!isDeepStrictEqual(before.logging, after.logging)) names.push("logging");
  if (!isDeepStrictEqual(before.console, after.console)) names.push("console");
  return names.map(startOnly);
}
