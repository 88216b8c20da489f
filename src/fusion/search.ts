/** Entries by the pattern of their names, without keeping anybody waiting: heartbeats go on between two slices. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Arbitration } from "./arbitration.ts";
import { NamePattern } from "./name-pattern.ts";
import { ROOT } from "./tree.ts";
import { entryHead } from "./tree-json.ts";

const SLICE_MS = 5;
/** Between two looks at the clock. */
const ENTRIES_PER_LOOK = 64;

/**
 * The entries below the root that match, as JSON without the closing brace, by path; undefined when the view was emptied or
 * nobody wants the answer any more. A pattern with a slash is one of whole paths, any other one of names.
 */
export async function search(
  arbitration: Arbitration,
  text: string,
  limit: number,
  isWanted: () => boolean,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { tree } = arbitration;
  const pattern = new NamePattern(text);
  const ofPaths = text.includes("/");
  const found = new Map<string, string>();
  const reader = tree.openReader();
  try {
    let sliceEnd = performance.now() + SLICE_MS;
    for (let id = ROOT + 1; id <= tree.highestId && found.size < limit; id++) {
      if (id % ENTRIES_PER_LOOK === 0 && performance.now() > sliceEnd) {
        await nextTurn();
        if (!reader.valid || !isWanted()) return undefined;
        sliceEnd = performance.now() + SLICE_MS;
      }
      if (!tree.isLive(id)) continue;
      const path = ofPaths ? tree.pathOf(id) : undefined;
      if (!pattern.matches(path ?? tree.nameOf(id))) continue;
      const place = path ?? tree.pathOf(id);
      found.set(place, entryHead(arbitration, id, place, false));
    }
    return found;
  } finally {
    tree.closeReader(reader);
  }
}
