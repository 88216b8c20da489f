/**
 * What stands in `agent-config.runtime.yaml`: sections of blocks by their ids. Pure.
 *
 * A source or sender that belongs to one pipe alone has the id of the pipe. So an entry, the pipe with what is its own,
 * can be taken apart into the sections and put together again.
 */
import { readSection } from "../../config/entries.ts";
import { omitUndefined } from "../../sdk/index.ts";
import type { ConfigBlock, PipeEntry } from "../../sdk/pipe-config-service.ts";
import { ProblemLog } from "../../yaml/problem.ts";
import { type ConfigNode, toPlain } from "../../yaml/tree.ts";
import { yamlText } from "../../yaml/write-text.ts";

type Blocks = Readonly<Record<string, ConfigBlock>>;

export interface RuntimeContent {
  readonly sources: Blocks;
  readonly senders: Blocks;
  readonly pipes: Blocks;
  /** Keys that a person has put beside the sections. */
  readonly rest: ConfigBlock;
}

const EMPTY: RuntimeContent = { sources: {}, senders: {}, pipes: {}, rest: {} };

const ENDS = [
  ["source", "sources"],
  ["sender", "senders"],
] as const;

const HEAD = `# The agent writes this file: fustor-agent pipe add, update, enable, disable, delete.
# Comments that are put into it do not stay. Other files of the configuration are never changed.
`;

export function contentOf(tree: ConfigNode | undefined): RuntimeContent {
  if (tree?.kind !== "map") return EMPTY;
  const { sources: _, senders: __, pipes: ___, ...rest } = toPlain(tree) as Record<string, unknown>;
  const section = (name: string): Blocks => blocksOf(tree.entries.find(({ key }) => key === name)?.value);
  return { sources: section("sources"), senders: section("senders"), pipes: section("pipes"), rest };
}

/** A list that a person made of a section: its blocks are switched off unless they say otherwise. */
function blocksOf(node: ConfigNode | undefined): Blocks {
  if (node === undefined) return {};
  const blocks = readSection(node, { origin: node.origin, path: "" }, new ProblemLog()).map(({ id, form, block }) => {
    const { id: _, ...keys } = toPlain(block) as Record<string, unknown>;
    const isSwitched = form === "dict" || "enabled" in keys || "disabled" in keys;
    return [id, isSwitched ? keys : { ...keys, enabled: false }] as const;
  });
  return Object.fromEntries(blocks);
}

/** Undefined when nothing is left to be written. */
export function textOf({ sources, senders, pipes, rest }: RuntimeContent): string | undefined {
  const sections = Object.entries({ sources, senders, pipes }).filter(([, blocks]) => Object.keys(blocks).length > 0);
  const all = { ...rest, ...Object.fromEntries(sections) };
  return Object.keys(all).length === 0 ? undefined : HEAD + yamlText(all);
}

/** The pipe, with its own source and sender as blocks in it. */
export function entryOf(content: RuntimeContent, id: string): PipeEntry | undefined {
  const pipe = blockOf(content.pipes, id);
  if (pipe === undefined) return undefined;
  const own = ENDS.flatMap(([end, section]) => {
    const block = ownOf(content[section], pipe[end], id);
    return block === undefined ? [] : [[end, block] as const];
  });
  return { ...pipe, ...Object.fromEntries(own) };
}

const blockOf = (blocks: Blocks, id: string): ConfigBlock | undefined =>
  Object.hasOwn(blocks, id) ? blocks[id] : undefined;

const ownOf = (blocks: Blocks, named: unknown, id: string): ConfigBlock | undefined =>
  named === id ? blockOf(blocks, id) : undefined;

/** The entry in place of what there was of the pipe. */
export function withEntry(content: RuntimeContent, id: string, entry: PipeEntry): RuntimeContent {
  const { sources, senders, pipes, rest } = withoutEntry(content, id);
  const { source, sender, ...keys } = entry;
  const named = { source: isBlock(source) ? id : source, sender: isBlock(sender) ? id : sender };
  const written = Object.entries({ ...named, ...keys }).filter(([, value]) => value !== undefined);
  return {
    sources: isBlock(source) ? { ...sources, [id]: source } : sources,
    senders: isBlock(sender) ? { ...senders, [id]: sender } : senders,
    pipes: { ...pipes, [id]: Object.fromEntries(written) },
    rest,
  };
}

export function withoutEntry(content: RuntimeContent, id: string): RuntimeContent {
  const pipe = blockOf(content.pipes, id);
  const left = ENDS.map(([end, section]) => {
    const blocks = content[section];
    return [section, ownOf(blocks, pipe?.[end], id) === undefined ? blocks : without(blocks, id)] as const;
  });
  return { ...content, ...Object.fromEntries(left), pipes: without(content.pipes, id) };
}

const without = (blocks: Blocks, id: string): Blocks =>
  Object.fromEntries(Object.entries(blocks).filter(([key]) => key !== id));

const isBlock = (value: unknown): value is ConfigBlock =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** One name for each key: the older ids and `source_uri` become `source` and `sender`. */
export function normalized({ source_id, source_uri, sender_id, ...entry }: PipeEntry): PipeEntry {
  const source = source_uri === undefined ? source_id : sourceOfUri(source_uri);
  return omitUndefined({ source, sender: sender_id, ...entry });
}

/** The keys of one end that an entry names twice. */
export function namedTwice(entry: PipeEntry): readonly string[] {
  const ends = [
    ["source", "source_id", "source_uri"],
    ["sender", "sender_id"],
  ];
  const written = ends.map((keys) => keys.filter((key) => entry[key] !== undefined));
  return written.find(({ length }) => length > 1) ?? [];
}

/** Of `custom://my-stream` the driver `custom`, which gets the whole address; paths are those of the file system. */
function sourceOfUri(uri: string): ConfigBlock {
  const scheme = /^([a-z][a-z0-9+._-]*):/i.exec(uri)?.[1]?.toLowerCase() ?? "file";
  return { driver: scheme === "file" ? "fs" : scheme, uri };
}

/** RFC 7396: blocks are merged key by key, null takes a key out, everything else is replaced. */
export function merged(target: unknown, patch: unknown): unknown {
  if (!isBlock(patch)) return patch;
  const result = new Map(Object.entries(isBlock(target) ? target : {}));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, merged(result.get(key), value));
  }
  return Object.fromEntries(result);
}
