/** Changes of paths, as a source reports them. */
import type { Change } from "../../src/sdk/index.ts";

export const deleted = (key: string, sequence = 1, isContainer = false): Change => ({
  op: "delete",
  key,
  row: { path: key },
  sequence,
  isContainer,
});

export const written = (key: string, sequence = 1): Change => ({
  op: "update",
  key,
  row: { path: key, modified_time: 5 },
  sequence,
  isContainer: false,
});
