/**
 * The configuration as it may be shown: every key with its value, and no secret. What was written with placeholders is
 * shown with them.
 */
import type { AgentConfig, Written } from "../config/model.ts";
import { isSecretKey } from "../config/secret-key.ts";
import { asWritten } from "../config/written.ts";
import { publicAddress, publicText } from "../sdk/index.ts";

export const HIDDEN = "***";

const UNSHOWN = new Set(["origin", "form", "written"]);

interface Place {
  /** As {@link Written} names it. */
  readonly key: string;
  readonly written: readonly Written[];
}

function shownText(name: string, value: string, { key, written }: Place): string {
  const whole = written.find((each) => each.key === key);
  const text = whole?.text ?? asWritten(value, written);
  return name === "uri" ? publicAddress(text) : publicText(text);
}

function shown(name: string, value: unknown, at: Place): unknown {
  if (UNSHOWN.has(name)) return undefined;
  if (isSecretKey(name) && value !== undefined && value !== null) return HIDDEN;
  if (typeof value === "string") return shownText(name, value, at);
  if (Array.isArray(value)) return value.map((each) => shown("", each, { ...at, key: "" }));
  if (typeof value !== "object" || value === null) return value;
  const inner = (key: string): Place => ({ ...at, key: name === "driverParams" ? `driver_params.${key}` : key });
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shown(key, member, inner(key))]));
}

const block = (value: unknown, written: readonly Written[] = []): unknown => shown("", value, { key: "", written });

const listOf = (
  entries: ReadonlyMap<string, { readonly id: string; readonly written?: readonly Written[] }>,
): readonly unknown[] => [...entries.values()].map((entry) => block(entry, entry.written));

export const configView = (config: AgentConfig) => ({
  home: config.home,
  configDir: config.configDir,
  files: config.files,
  agentId: config.agentId ?? null,
  logging: block(config.logging),
  console: block(config.console),
  sources: listOf(config.sources),
  senders: listOf(config.senders),
  pipes: listOf(config.pipes),
});
