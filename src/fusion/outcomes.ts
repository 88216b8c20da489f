/** What came of the commands that a Fusion carried out. */
import type { ScanJob } from "./scan-jobs.ts";
import type { ScanCommand, SessionRecord } from "./session-registry.ts";

export type Role = "leader" | "follower";

export type OpenOutcome =
  | { readonly kind: "opened"; readonly session: SessionRecord; readonly role: Role; readonly resumed: boolean }
  | { readonly kind: "locked"; readonly view: string; readonly holder: string };

export interface BeatOutcome {
  readonly role: Role;
  readonly commands: readonly ScanCommand[];
  readonly snapshotNeeded: boolean;
}

export type IngestOutcome =
  | { readonly kind: "applied"; readonly snapshotNeeded: boolean }
  | { readonly kind: "job-complete" };

export type ScanRequestOutcome =
  | { readonly kind: "asked"; readonly job: ScanJob }
  /** No agent has a session. */
  | { readonly kind: "nobody" }
  /** The agents have enough to do. */
  | { readonly kind: "busy" };
