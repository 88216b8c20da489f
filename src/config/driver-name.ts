/** Which drivers a configuration names, before anything in it is checked: what is known of its keys depends on them. */
import type { DriverName } from "../drivers/manifest.ts";
import { driverKey } from "../drivers/registry.ts";
import { ProblemLog, startOf } from "../yaml/problem.ts";
import type { ConfigNode, MapNode } from "../yaml/tree.ts";
import { readSection } from "./entries.ts";

/** The driver of an entry as it is written; undefined when there is none. */
export function peekDriver(block: MapNode): string | undefined {
  for (const { key, value } of block.entries) {
    if (key === "config" && value.kind === "map") {
      const inner = peekDriver(value);
      if (inner !== undefined) return inner;
    }
    if (["driver", "type", "driver_type"].includes(key) && value.kind === "scalar" && typeof value.value === "string") {
      return value.value.trim() === "" ? undefined : value.value;
    }
  }
  return undefined;
}

const SECTIONS = [
  ["sources", "source"],
  ["senders", "sender"],
] as const;

/** Every driver that an entry of these documents names, switched off or not. */
export function driversNamed(trees: readonly ConfigNode[]): readonly DriverName[] {
  const named = new Map<string, DriverName>();
  for (const tree of trees) {
    for (const [section, kind] of tree.kind === "map" ? SECTIONS : []) {
      for (const name of namesIn(tree as MapNode, section)) named.set(driverKey(kind, name), { kind, name });
    }
  }
  return [...named.values()];
}

/** Whatever else is wrong with the section is said when it is read. */
function namesIn(tree: MapNode, section: string): readonly string[] {
  const nodes = tree.entries.filter(({ key }) => key === section).map(({ value }) => value);
  const at = { origin: startOf(""), path: section };
  return nodes
    .flatMap((node) => readSection(node, at, new ProblemLog()))
    .map(({ block }) => peekDriver(block))
    .filter((name) => name !== undefined);
}
