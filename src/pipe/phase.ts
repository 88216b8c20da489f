/** What a batch holds; the words of the wire. */

/** Phases whose rows come in bulk. */
export type BulkPhase = "snapshot" | "audit" | "on_demand_job";

/** `message`: live changes. */
export type Phase = "message" | BulkPhase;
