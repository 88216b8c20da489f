/** Why a change of a pipe is refused before the configuration is tried with it: each with the place and the cure. */
import { basename } from "node:path";
import { readSection } from "../../config/entries.ts";
import { RUNTIME_CONFIG } from "../../config/home.ts";
import type { ConfigTree } from "../../config/parse.ts";
import { nearest } from "../../sdk/did-you-mean.ts";
import { FustorError, type PipeEntry } from "../../sdk/index.ts";
import { invalidConfig, type Place, ProblemLog, quoted } from "../../yaml/problem.ts";

type Section = "sources" | "senders" | "pipes";

const isOwn = ({ file }: { readonly file: string }): boolean => basename(file) === RUNTIME_CONFIG;

/** Older names of the sections. */
const NAMES: Readonly<Record<Section, readonly string[]>> = {
  sources: ["sources"],
  senders: ["senders", "pushers"],
  pipes: ["pipes", "syncs"],
};

/** Every id of a section with its place; whatever else is wrong with an entry. */
function declared(trees: readonly ConfigTree[], section: Section): ReadonlyMap<string, Place> {
  const found = new Map<string, Place>();
  for (const { tree } of trees) {
    for (const { key, keyOrigin, value } of tree?.kind === "map" ? tree.entries : []) {
      if (!NAMES[section].includes(key)) continue;
      const at = { origin: keyOrigin, path: key };
      for (const entry of readSection(value, at, new ProblemLog()))
        if (!found.has(entry.id)) found.set(entry.id, entry);
    }
  }
  return found;
}

const refused = ({ origin, path }: Place, what: string, cure: string): FustorError =>
  invalidConfig([{ origin, key: path, what, cure }], []);

/** Throws unless the id is free for a pipe. */
export function requireFree(trees: readonly ConfigTree[], id: string): void {
  const taken = declared(trees, "pipes").get(id);
  if (taken === undefined) return;
  const cure = isOwn(taken.origin)
    ? `choose another id, or change it: fustor-agent pipe update ${id}`
    : "choose another id, or change that entry and run fustor-agent reload";
  throw refused(taken, `the id ${quoted(id)} is taken`, cure);
}

/** Throws unless the pipe stands in the file of the agent. */
export function requireChangeable(trees: readonly ConfigTree[], id: string): void {
  const [own, others] = [trees.filter(isOwn), trees.filter((tree) => !isOwn(tree))];
  // A person may have taken the id since: then this one is what has to go.
  if (declared(own, "pipes").has(id)) return;
  const place = declared(others, "pipes").get(id);
  if (place === undefined) throw unknownPipe(id, [...declared(trees, "pipes").keys()]);
  const what = `the pipe ${quoted(id)} stands in a file that a person writes, and the agent changes none of those`;
  throw refused(place, what, "change it there and run fustor-agent reload");
}

function unknownPipe(id: string, known: readonly string[]): FustorError {
  const similar = nearest(id, known);
  const hint = similar === undefined ? "" : `did you mean ${quoted(similar)}? `;
  const message = `there is no pipe ${quoted(id)}, ${hint}Known pipes: ${known.join(", ") || "none"}`;
  return new FustorError("FUSTOR_CONFIG_INVALID", message, { details: { name: id, pipes: known } });
}

/** Throws when the pipe's own source or sender would take the id of one that a person writes. */
export function requireFreeEnds(trees: readonly ConfigTree[], id: string, entry: PipeEntry): void {
  for (const [end, section] of [["source", "sources"] as const, ["sender", "senders"] as const]) {
    const taken = typeof entry[end] === "object" ? declared(trees, section).get(id) : undefined;
    if (taken === undefined || isOwn(taken.origin)) continue;
    const what = `the id ${quoted(id)} is taken, and the pipe's own ${end} has the id of the pipe`;
    throw refused(taken, what, `choose another id for the pipe, or name that ${end} by its id`);
  }
}
