/** What of a snapshot is owed. `strongSince`: epoch second; rows of what was changed since are sent in the lifting form. */
export type SnapshotOrder =
  | { readonly kind: "everything"; readonly strongSince: number | undefined }
  /** The receiver holds the history: only the end is owed. */
  | { readonly kind: "end only" };

export const strongSinceOf = (order: SnapshotOrder | undefined): number | undefined =>
  order?.kind === "everything" ? order.strongSince : undefined;
