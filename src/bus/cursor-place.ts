import type { ChainPlace } from "./chain-place.ts";
import type { CoalescedBacklog } from "./coalesced-backlog.ts";

/** Where the next changes come from. */
export type Place =
  /** In the chain, which all cursors that keep up share. */
  { readonly kind: "attached"; readonly at: ChainPlace } | Coalesced;

/** Cut off: from a backlog of its own, into which the bus merges every new change. */
export interface Coalesced {
  readonly kind: "coalesced";
  readonly backlog: CoalescedBacklog;
  readonly enteredAt: number;
  readonly lagMs: number;
  /** The newest one of what was merged: it holds once the backlog is empty. */
  position: string | undefined;
}

/** When the oldest change that was not handed out came; undefined when there is none. */
export function nextEnteredAt(place: Place): number | undefined {
  if (place.kind === "attached") return place.at.next?.enteredAt;
  return place.backlog.size === 0 ? undefined : place.enteredAt;
}
