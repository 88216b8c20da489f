/** The configuration as it may be shown: every key with its value, and no secret. */
import type { AgentConfig } from "../config/model.ts";
import { publicAddress, publicText } from "../sdk/index.ts";

export const HIDDEN = "***";

const SECRET_NAME = /pass|pwd|secret|token|credential|key$|auth|cookie|signature|header/i;

function shown(name: string, value: unknown): unknown {
  if (name === "origin" || name === "form") return undefined;
  if (SECRET_NAME.test(name) && value !== undefined && value !== null) return HIDDEN;
  if (typeof value === "string") return name === "uri" ? publicAddress(value) : publicText(value);
  if (Array.isArray(value)) return value.map((each) => shown("", each));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, shown(key, member)]));
}

const listOf = (entries: ReadonlyMap<string, unknown>): readonly unknown[] =>
  [...entries.values()].map((entry) => shown("", entry));

export const configView = (config: AgentConfig) => ({
  home: config.home,
  configDir: config.configDir,
  files: config.files,
  agentId: config.agentId ?? null,
  logging: shown("", config.logging),
  console: shown("", config.console),
  sources: listOf(config.sources),
  senders: listOf(config.senders),
  pipes: listOf(config.pipes),
});
