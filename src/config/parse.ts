/**
 * The texts of a configuration to the model, or to everything that is wrong with it.
 *
 * Pure: nothing is read from the machine but what the caller hands in. All files form one namespace, so sources,
 * senders and pipes may stand in different ones, and an id may be used once only.
 */

import { basename } from "node:path";
import type { DriverRegistry } from "../drivers/registry.ts";
import { omitUndefined } from "../sdk/index.ts";
import { parseTree } from "../yaml/parse-tree.ts";
import type { ConfigProblem } from "../yaml/problem.ts";
import { byPosition, formatOrigin, ProblemLog, type Problems, quoted, startOf } from "../yaml/problem.ts";
import type { ConfigNode } from "../yaml/tree.ts";
import { agentWideSchemas } from "./driver-keys.ts";
import { type RawEntry, readSection } from "./entries.ts";
import { type Field, type Fields, readFields } from "./fields.ts";
import { RUNTIME_CONFIG } from "./home.ts";
import { TOP_LEVEL_KEYS } from "./known-keys.ts";
import type { AgentConfig } from "./model.ts";
import { readPipe } from "./read-pipe.ts";
import { readSender } from "./read-sender.ts";
import { readSource } from "./read-source.ts";
import type { SecretReader } from "./secrets.ts";
import { gatherSettings, readSettings } from "./settings.ts";

export interface ConfigText {
  readonly file: string;
  readonly text: string;
}

export interface ParseContext {
  readonly home: string;
  readonly configDir: string;
  /** Where the log goes unless the configuration tells. Default: `configDir`. */
  readonly logDir?: string;
  readonly secrets: SecretReader;
  readonly drivers: DriverRegistry;
}

export interface ParseResult {
  /** Present when there are no errors. */
  readonly config?: AgentConfig;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

const SECTIONS = ["sources", "senders", "pipes"] as const;
type SectionName = (typeof SECTIONS)[number];

interface Gathered {
  readonly sections: Record<SectionName, Map<string, RawEntry>>;
  readonly settings: Map<string, Field>;
}

/** A file as a tree; none when it is no YAML, which is recorded. */
export interface ConfigTree {
  readonly file: string;
  readonly tree: ConfigNode | undefined;
}

export const parseTrees = (texts: readonly ConfigText[], problems: Problems): readonly ConfigTree[] =>
  texts.map(({ file, text }) => ({ file, tree: parseTree(file, text, problems) }));

/** `problems` may bring what went wrong while the files were read. */
export function parseConfig(
  texts: readonly ConfigText[],
  context: ParseContext,
  problems: ProblemLog = new ProblemLog(),
): ParseResult {
  return readTrees(parseTrees(texts, problems), context, problems);
}

/** The second half of {@link parseConfig}, for a loader that looks into the trees before. */
export function readTrees(trees: readonly ConfigTree[], context: ParseContext, problems: ProblemLog): ParseResult {
  const gathered: Gathered = {
    sections: { sources: new Map(), senders: new Map(), pipes: new Map() },
    settings: new Map(),
  };
  const agentWide = agentWideSchemas(context.drivers);
  for (const { tree } of trees) gatherTree(tree, Object.keys(agentWide), gathered, problems);
  const config = assemble(
    trees.map(({ file }) => file),
    gathered,
    context,
    problems,
  );
  const errors = problems.errors.toSorted(byPosition);
  const warnings = problems.warnings.toSorted(byPosition);
  return errors.length > 0 ? { errors, warnings } : { config: { ...config, warnings }, errors, warnings };
}

function gatherTree(
  tree: ConfigNode | undefined,
  agentWide: readonly string[],
  gathered: Gathered,
  problems: Problems,
): void {
  if (tree === undefined) return;
  if (tree.kind !== "map") {
    problems.error({ origin: tree.origin, path: "" }, "holds no keys", "begin with sources:, senders: and pipes:");
    return;
  }
  const keys = { ...TOP_LEVEL_KEYS, ...Object.fromEntries(agentWide.map((key) => [key, {}])) };
  const fields = readFields(tree, "", keys, problems);
  gatherSettings(fields, agentWide, gathered.settings, problems);
  for (const section of SECTIONS) gatherSection(section, fields, gathered, problems);
}

function gatherSection(section: SectionName, fields: Fields, gathered: Gathered, problems: Problems): void {
  const field = fields.get(section);
  if (field === undefined) return;
  const known = gathered.sections[section];
  for (const entry of readSection(field.node, field, problems)) {
    const first = known.get(entry.id);
    if (first === undefined) known.set(entry.id, entry);
    else {
      const what = `the id ${quoted(entry.id)} is taken by ${first.path} at ${formatOrigin(first.origin)}`;
      problems.error(entry, what, cureOfDouble(entry));
    }
  }
}

/** The file that the agent writes is read last, so it is the one that the problem is found in. */
const cureOfDouble = ({ id, origin }: RawEntry): string =>
  basename(origin.file) === RUNTIME_CONFIG
    ? `rename that one and reload, or remove this one: fustor-agent pipe delete ${id}`
    : "rename or remove one of them";

function assemble(
  files: readonly string[],
  { sections, settings: gatheredSettings }: Gathered,
  context: ParseContext,
  problems: ProblemLog,
): AgentConfig {
  const { home, configDir, secrets, drivers } = context;
  const settings = readSettings(gatheredSettings, agentWideSchemas(drivers), context, problems);
  const readContext = { problems, secrets, drivers, agentWide: settings.agentWide };
  const sources = readEach(sections.sources, (entry) => readSource(entry, readContext));
  const senders = readEach(sections.senders, (entry) => readSender(entry, readContext));
  const declared = {
    sources: new Set(sections.sources.keys()),
    senders: new Set(sections.senders.keys()),
    usableSources: sources,
  };
  const pipes = readEach(sections.pipes, (entry) => readPipe(entry, declared, readContext));
  warnOfIdleness(files, sections, problems);
  const { agentId, logging, console } = settings;
  const parts = { home, configDir, files, agentId, logging, console, sources, senders, pipes, drivers };
  return omitUndefined({ ...parts, warnings: [], unusable: [] });
}

function readEach<T>(entries: ReadonlyMap<string, RawEntry>, read: (entry: RawEntry) => T | undefined): Map<string, T> {
  const values = new Map<string, T>();
  for (const [id, entry] of entries) {
    const value = read(entry);
    if (value !== undefined) values.set(id, value);
  }
  return values;
}

function warnOfIdleness(files: readonly string[], sections: Gathered["sections"], problems: Problems): void {
  const [file] = files;
  if (file === undefined || sections.pipes.size > 0) return;
  problems.warn(
    { origin: startOf(file), path: "pipes" },
    "no pipe is defined",
    "add one that joins a source to a sender",
  );
}
