/** What a source says of itself. */

/** Whether the thing that is watched is there. Changes only by the driver's own looking. */
export type SourceAvailability =
  | { readonly state: "starting" }
  | { readonly state: "available" }
  /** For example a missing root. Nothing is ever reported as deleted because of it. */
  | { readonly state: "unavailable"; readonly reason: string };

/** Facts for `status`; every driver may add its own members. */
export interface SourceStatus {
  readonly availability: SourceAvailability;
  /** Entries known at the moment, when the driver knows. */
  readonly entries?: number;
  /** Sentences for people: how it is watched, what is not covered and what to do about it. */
  readonly notes?: readonly string[];
  readonly [fact: string]: unknown;
}
