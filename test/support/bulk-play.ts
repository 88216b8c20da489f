/** Takes work in bulk as a scheduler does and sends it to a receiver that takes everything. */
import type { Batch } from "../../src/pipe/send/batch.ts";
import type { WorkItem } from "../../src/pipe/send/work-item.ts";
import { rowsOf } from "./faulty-sender.ts";
import { turn } from "./turns.ts";

const IDLE_TURNS = 100;
const MOST_BATCHES = 1_000;

/** "audit /a /b", "audit end", "job complete". */
export function heldBy(batch: Batch): string {
  const { sourceType, events, isEnd, metadata } = batch.envelope();
  if (metadata !== undefined) return "job complete";
  const paths = events.flatMap(({ rows }) => rowsOf(rows).map(({ path }) => String(path)));
  return [sourceType, ...paths, ...(isEnd ? ["end"] : [])].join(" ");
}

/** What the item held; all of it is accepted. */
export function accept(item: WorkItem): string[] {
  const held = item.batches.map((batch) => {
    batch.sending();
    const what = heldBy(batch);
    batch.accepted();
    return what;
  });
  item.delivered();
  return held;
}

/** The next item, as soon as there is one. */
export async function nextOf(next: () => WorkItem | undefined): Promise<WorkItem> {
  for (let turns = 0; turns < 2_000; turns++) {
    const item = next();
    if (item !== undefined) return item;
    await turn();
  }
  throw new Error("no item comes");
}

/** Everything that comes until nothing does, one line a batch. */
export async function playAll(next: () => WorkItem | undefined): Promise<string[]> {
  const held: string[] = [];
  for (let idle = 0; idle < IDLE_TURNS; ) {
    const item = next();
    if (item === undefined) {
      idle++;
      await turn();
      continue;
    }
    idle = 0;
    held.push(...accept(item));
    if (held.length > MOST_BATCHES) throw new Error(`it does not come to an end: ${held.slice(-5).join(", ")}`);
  }
  return held;
}
