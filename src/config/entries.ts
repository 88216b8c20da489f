/** The sections `sources`, `senders` and `pipes`: both forms to one list of blocks with an id each. */

import { type Place, type Problems, quoted } from "../yaml/problem.ts";
import { type ConfigNode, isNull, type MapNode } from "../yaml/tree.ts";
import { joinPath } from "./fields.ts";
import type { EntryForm } from "./model.ts";

export interface RawEntry extends Place {
  readonly id: string;
  readonly form: EntryForm;
  readonly block: MapNode;
}

/** Reads a section: a list of blocks with `id`, or blocks named by their id. */
export function readSection(section: ConfigNode, at: Place, problems: Problems): readonly RawEntry[] {
  if (section.kind === "list") {
    return section.items.flatMap((item, index) => listEntry(item, `${at.path}[${index}]`, problems));
  }
  if (section.kind === "map") {
    return section.entries.flatMap(({ key, keyOrigin, value }) =>
      dictEntry(key, value, { origin: keyOrigin, path: joinPath(at.path, key) }, problems),
    );
  }
  if (!isNull(section)) problems.error(at, "is no list of entries", `write "- id: my-id" below it, indented`);
  return [];
}

function listEntry(item: ConfigNode, path: string, problems: Problems): readonly RawEntry[] {
  const at: Place = { origin: item.origin, path };
  if (item.kind !== "map") {
    problems.error(at, "is no entry with keys", `write "- id: my-id" and the other keys below it`);
    return [];
  }
  const id = item.entries.find((entry) => entry.key === "id");
  if (id === undefined || isNull(id.value)) {
    problems.error(
      id === undefined ? at : { origin: id.keyOrigin, path: `${path}.id` },
      `"id" is missing`,
      "add id: ...",
    );
    return [];
  }
  const idAt: Place = { origin: id.keyOrigin, path: `${path}.id` };
  if (id.value.kind !== "scalar" || typeof id.value.value !== "string") {
    problems.error(idAt, "is not text", "put the id in quotes");
    return [];
  }
  return isUsableId(id.value.value, idAt, problems) ? [{ ...at, id: id.value.value, form: "list", block: item }] : [];
}

function dictEntry(key: string, value: ConfigNode, at: Place, problems: Problems): readonly RawEntry[] {
  if (value.kind !== "map") {
    problems.error(at, "is no entry with keys", "write its keys below it, indented");
    return [];
  }
  const inner = value.entries.find((entry) => entry.key === "id");
  if (inner !== undefined && (inner.value.kind !== "scalar" || String(inner.value.value) !== key)) {
    problems.error(
      { origin: inner.keyOrigin, path: `${at.path}.id` },
      `differs from the name ${quoted(key)}`,
      "remove it",
    );
    return [];
  }
  return isUsableId(key, at, problems) ? [{ ...at, id: key, form: "dict", block: value }] : [];
}

/** What task ids, urls and file names can carry. */
const PLAIN_ID = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const MAX_ID_BYTES = 200;

function isUsableId(id: string, at: Place, problems: Problems): boolean {
  const wrong = idDefect(id);
  if (wrong !== undefined) {
    problems.error(at, wrong, "use small letters, digits, - and _");
    return false;
  }
  if (!PLAIN_ID.test(id)) {
    problems.warn(at, "is no plain id", "better use at most 64 small letters, digits, - and _");
  }
  return true;
}

function idDefect(id: string): string | undefined {
  if (id === "") return "the id is empty";
  if (id === "." || id === "..") return "the id is a folder's name";
  if (/[\s/\\\p{Cc}\p{Cs}]/u.test(id)) return "the id holds a slash, a space or a control character";
  return Buffer.byteLength(id) > MAX_ID_BYTES ? `the id is longer than ${MAX_ID_BYTES} bytes` : undefined;
}
