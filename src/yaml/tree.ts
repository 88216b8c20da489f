/** A plain tree of a configuration in which every value knows where it stands. */
import type { Origin } from "./problem.ts";

export type Scalar = string | number | boolean | null;

export interface MapEntry {
  readonly key: string;
  readonly keyOrigin: Origin;
  readonly value: ConfigNode;
}

export interface MapNode {
  readonly kind: "map";
  readonly origin: Origin;
  readonly entries: readonly MapEntry[];
}

export interface ListNode {
  readonly kind: "list";
  readonly origin: Origin;
  readonly items: readonly ConfigNode[];
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly origin: Origin;
  readonly value: Scalar;
}

export type ConfigNode = MapNode | ListNode | ScalarNode;

/** The value as a program sees it. */
export function toPlain(node: ConfigNode): unknown {
  if (node.kind === "scalar") return node.value;
  if (node.kind === "list") return node.items.map(toPlain);
  return Object.fromEntries(node.entries.map((entry) => [entry.key, toPlain(entry.value)]));
}

export const isNull = (node: ConfigNode): boolean => node.kind === "scalar" && node.value === null;

interface Found {
  readonly node: ConfigNode;
  /** Of the key that leads to it, or of the item of a list. */
  readonly origin: Origin;
}

function stepInto(node: ConfigNode, step: PropertyKey): Found | undefined {
  if (node.kind === "list") {
    const item = node.items[Number(step)];
    return item && { node: item, origin: item.origin };
  }
  const entry = node.kind === "map" ? node.entries.find(({ key }) => key === String(step)) : undefined;
  return entry && { node: entry.value, origin: entry.keyOrigin };
}

/** Follows keys and indexes as far as they exist; where the last one stands. */
export function originWithin(node: ConfigNode, path: readonly PropertyKey[]): Origin {
  let found: Found = { node, origin: node.origin };
  for (const step of path) {
    const next = stepInto(found.node, step);
    if (next === undefined) break;
    found = next;
  }
  return found.origin;
}

/** Whether every key and index of the path exists. */
export function isWithin(node: ConfigNode, path: readonly PropertyKey[]): boolean {
  let current: ConfigNode | undefined = node;
  for (const step of path) current = current && stepInto(current, step)?.node;
  return current !== undefined;
}
