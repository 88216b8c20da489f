/** Everything that happens in a session, whichever part of it noticed. */
import type { BulkEvent } from "../bulk/bulk-parts.ts";
import type { SnapshotCommand } from "../pipe-status.ts";
import type { DeliveryEvent } from "../send/delivery.ts";
import type { LiveEvent } from "../send/live.ts";
import type { HeartbeatEvent } from "./heartbeat.ts";

/** How far the receiver is was asked. `holdsHistory`: it holds everything before the stream. */
export interface PositionKnown {
  readonly kind: "position known";
  readonly holdsHistory: boolean;
}

export type SessionEvent =
  | BulkEvent
  | DeliveryEvent
  | LiveEvent
  | HeartbeatEvent
  | PositionKnown
  /** An operator asks for these directories once more. */
  | { readonly kind: "directories asked for"; readonly directories: readonly string[] }
  /** The stream of changes was opened; after the first "position known". */
  | { readonly kind: "stream started" }
  /** The snapshot that the receiver asks for may begin. */
  | { readonly kind: "snapshot granted" }
  /** An operator has a say in the snapshot that runs. */
  | { readonly kind: "snapshot command"; readonly command: SnapshotCommand }
  /** The pipe is to be stopped: what is queued is still sent. */
  | { readonly kind: "stop" };

const TELLS_OF_LACK: ReadonlySet<SessionEvent["kind"]> = new Set([
  "changes lost",
  "directories lost",
  "directories asked for",
  "snapshot granted",
]);

/** The receiver lacks something, and what follows from that comes after the pipe has heard of it. */
export const tellsOfLack = ({ kind }: SessionEvent): boolean => TELLS_OF_LACK.has(kind);

export type Emit = (event: SessionEvent) => void;
