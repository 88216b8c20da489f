/** Members of a value of unknown origin; none for what has no members. */
export const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (typeof value === "object" && value !== null) || typeof value === "function"
    ? (value as Readonly<Record<string, unknown>>)
    : {};
