/** Finds entries by a pattern. It works in slices, so that heartbeats do not wait for it. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { nameGlob } from "../sdk/glob.ts";
import type { Arbitration } from "./arbitration.ts";
import { ROOT } from "./tree.ts";
import { entryHead } from "./tree-json.ts";

/** A longer pattern matches no name: a name has at most 255 bytes. */
export const MOST_PATTERN_LENGTH = 256;

const SLICE_MS = 5;
/** Entries between two looks at the clock. */
const ENTRIES_PER_LOOK = 64;

/**
 * The matching entries below the root, as JSON without the closing brace, by path. Undefined when the view was emptied
 * or the client has gone. A pattern with a slash is compared with whole paths, any other one with names.
 */
export async function search(
  arbitration: Arbitration,
  text: string,
  limit: number,
  isWanted: () => boolean,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { tree } = arbitration;
  const pattern = nameGlob(text);
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
