/**
 * The configuration as it takes effect, key by key as a user would write it, each value with the place that it comes
 * from. Secrets are masked; what is written as a placeholder is shown as the placeholder.
 */
import { readFileSync } from "node:fs";
import { publicAddress, publicText } from "../sdk/public-address.ts";
import { parseTree } from "../yaml/parse-tree.ts";
import { ProblemLog } from "../yaml/problem.ts";
import { type ConfigNode, isNull } from "../yaml/tree.ts";
import { agentWideSchemas, paramKeys } from "./driver-keys.ts";
import {
  agentWideFacts,
  type ConsolePort,
  consoleFacts,
  loggingFacts,
  pipeFacts,
  senderFacts,
  sourceFacts,
} from "./effective-facts.ts";
import { type RawEntry, readSection } from "./entries.ts";
import { type Field, type Fields, type KeyTable, readFields } from "./fields.ts";
import { CONSOLE_KEYS, LOGGING_KEYS, PIPE_KEYS, SENDER_KEYS, SOURCE_KEYS, TOP_LEVEL_KEYS } from "./known-keys.ts";
import type { AgentConfig } from "./model.ts";
import { isSecretKey } from "./secret-key.ts";
import { gatherSettings } from "./settings.ts";

/** Where a value comes from: `file:line`, `default`, or a variable of the environment. */
export interface Effective {
  readonly value: unknown;
  readonly from: string;
}

/** A block of keys; a member is a value or a further block. */
export interface EffectiveBlock {
  readonly [key: string]: Effective | EffectiveBlock;
}

export const isEffective = (member: Effective | EffectiveBlock): member is Effective => typeof member.from === "string";

const MASK = "***";
const ADDRESS_KEYS = new Set(["uri", "proxy"]);
const isPlaceholder = (text: unknown): text is string => typeof text === "string" && /\$\{(env|file):/.test(text);

const placeOf = ({ origin }: Pick<Field, "origin">): string => `${origin.file}:${origin.line}`;

/** What may be shown of a value that stands below `key`, and was written as `node`. */
function shown(key: string, value: unknown, node: ConfigNode | undefined): unknown {
  const written = placeholderIn(node);
  if (written !== undefined) return publicText(written);
  if (value === null || value === undefined || typeof value === "boolean" || typeof value === "number") return value;
  if (isSecretKey(key)) return MASK;
  if (typeof value !== "string") return shownWithin(key, value);
  return ADDRESS_KEYS.has(key) ? publicAddress(value) : publicText(value);
}

/** Of a value, or of what a credential holds. */
function placeholderIn(node: ConfigNode | undefined): string | undefined {
  if (node?.kind === "map")
    return node.entries.map(({ value }) => placeholderIn(value)).find((each) => each !== undefined);
  return node?.kind === "scalar" && isPlaceholder(node.value) ? node.value : undefined;
}

function shownWithin(key: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((each) => shown(key, each, undefined));
  const members = Object.entries(value as object).map(([name, each]) => [name, shown(name, each, undefined)]);
  return Object.fromEntries(members);
}

const isBlock = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The values of a block with their places; `fields` says which of them are written. */
function block(values: Readonly<Record<string, unknown>>, fields: Fields, otherwise: Origins = {}): EffectiveBlock {
  const members = Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined) return [];
    const field = fields.get(key);
    const isWritten = field !== undefined && !isNull(field.node);
    const from = isWritten ? placeOf(field) : (otherwise[key] ?? "default");
    return [[key, member(key, value, isWritten ? field.node : undefined, from)] as const];
  });
  return Object.fromEntries(members);
}

/** Where values come from that are not written in their block. */
type Origins = Readonly<Record<string, string>>;

function member(key: string, value: unknown, node: ConfigNode | undefined, from: string): Effective | EffectiveBlock {
  if (!isBlock(value) || isSecretKey(key) || Object.keys(value).length === 0) {
    return { value: shown(key, value, node), from };
  }
  const fields: Fields = new Map(
    node?.kind === "map"
      ? node.entries.map(({ key: name, keyOrigin, value: inner }) => [
          name,
          { key: name, origin: keyOrigin, path: name, node: inner },
        ])
      : [],
  );
  return block(value, fields);
}

interface Trees {
  readonly sections: Readonly<Record<"sources" | "senders" | "pipes", ReadonlyMap<string, RawEntry>>>;
  readonly settings: Fields;
}

/** The files once more, for the places alone: what is wrong with them the loader has said. */
function readTrees({ files, drivers }: AgentConfig): Trees {
  const ignored = new ProblemLog();
  const agentWide = Object.keys(agentWideSchemas(drivers));
  const keys: KeyTable = { ...TOP_LEVEL_KEYS, ...Object.fromEntries(agentWide.map((key) => [key, {}])) };
  const sections = { sources: new Map(), senders: new Map(), pipes: new Map() } as const;
  const settings = new Map<string, Field>();
  for (const file of files) {
    const tree = parseTree(file, readFileSync(file, "utf8"), ignored);
    if (tree?.kind !== "map") continue;
    const fields = readFields(tree, "", keys, ignored);
    gatherSettings(fields, agentWide, settings, ignored);
    for (const [name, entries] of Object.entries(sections)) {
      const field = fields.get(name);
      if (field === undefined) continue;
      for (const entry of readSection(field.node, field, ignored)) entries.set(entry.id, entry);
    }
  }
  return { sections, settings };
}

const fieldsOf = (entry: RawEntry | undefined, keys: KeyTable): Fields =>
  entry === undefined
    ? new Map()
    : readFields(entry.block, entry.path, keys, new ProblemLog(), { flatten: ["config"] });

const inner = (field: Field | undefined, keys: KeyTable): Fields =>
  field?.node.kind === "map" ? readFields(field.node, field.path, keys, new ProblemLog()) : new Map();

/** `enabled` may be written as its opposite. */
const enabledPlace = (fields: Fields): Origins => {
  const field = fields.get("disabled");
  return field === undefined ? {} : { enabled: placeOf(field) };
};

function ends(config: AgentConfig, { sections, settings }: Trees, kind: "sources" | "senders"): EffectiveBlock {
  const keys = kind === "sources" ? SOURCE_KEYS : SENDER_KEYS;
  const members = [...config[kind].values()].map((entry) => {
    const fields = fieldsOf(sections[kind].get(entry.id), keys);
    const module = kind === "sources" ? config.drivers.source(entry.driver) : config.drivers.sender(entry.driver);
    const params = inner(fields.get("driver_params"), module === undefined ? {} : paramKeys(module));
    const facts = kind === "sources" ? sourceFacts(config, entry.id) : senderFacts(config, entry.id);
    const { own, driverParams } = facts;
    const outer = Object.fromEntries(
      Object.entries(module?.agentWide ?? {}).flatMap(([param, key]) => {
        const field = settings.get(key);
        return field === undefined ? [] : [[param, placeOf(field)]];
      }),
    );
    const overrides = module !== undefined && "overrides" in module ? (module.overrides ?? {}) : {};
    const overridden = Object.fromEntries(
      Object.entries(overrides).flatMap(([param, key]) => {
        const field = params.get(param);
        return field === undefined ? [] : [[key as string, placeOf(field)]];
      }),
    );
    // What the parameters say wins, so that is where the value comes from.
    const ownFields = new Map([...fields].filter(([key]) => overridden[key] === undefined));
    const proxy = driverParams.proxy === undefined ? {} : { proxy: "environment" };
    const otherwise = { ...enabledPlace(fields), ...overridden };
    return [
      entry.id,
      { ...block(own, ownFields, otherwise), driver_params: block(driverParams, params, { ...outer, ...proxy }) },
    ] as const;
  });
  return Object.fromEntries(members);
}

const pipes = (config: AgentConfig, { sections }: Trees): EffectiveBlock =>
  Object.fromEntries(
    [...config.pipes.values()].map((pipe) => {
      const fields = fieldsOf(sections.pipes.get(pipe.id), PIPE_KEYS);
      return [pipe.id, block(pipeFacts(pipe), fields, enabledPlace(fields))] as const;
    }),
  );

/** Of a configuration that was loaded. `port`: what the environment says of the status page's. */
export function effectiveConfig(config: AgentConfig, port?: ConsolePort): EffectiveBlock {
  const trees = readTrees(config);
  const { settings } = trees;
  const logging = settings.get("logging");
  const console = settings.get("console");
  const level: Origins = logging === undefined || logging.node.kind === "map" ? {} : { level: placeOf(logging) };
  const page = port === undefined ? {} : Object.fromEntries(["port", "enabled"].map((key) => [key, port.from]));
  const pageFields = new Map([...inner(console, CONSOLE_KEYS)].filter(([key]) => page[key] === undefined));
  return {
    ...block(agentWideFacts(config, settings), settings),
    sources: ends(config, trees, "sources"),
    senders: ends(config, trees, "senders"),
    pipes: pipes(config, trees),
    logging: block(loggingFacts(config), inner(logging, LOGGING_KEYS), level),
    console: block(consoleFacts(config, port), pageFields, page),
  };
}
