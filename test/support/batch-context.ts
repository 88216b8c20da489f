/** What batches of a test are made in: the real builder and the real notes, with every call written down. */
import { Superseded } from "../../src/pipe/bulk/superseded.ts";
import { EnvelopeBuilder, type LiveItem } from "../../src/pipe/encode/envelope-builder.ts";
import { FieldMapper } from "../../src/pipe/encode/field-mapper.ts";
import type { Phase } from "../../src/pipe/phase.ts";
import { Tombstones } from "../../src/pipe/receiver/tombstones.ts";
import type { BatchContext } from "../../src/pipe/send/batch.ts";
import type { Change, FieldRule } from "../../src/sdk/index.ts";

export interface TestContext extends BatchContext {
  readonly tombstones: Tombstones;
  readonly superseded: Superseded;
  /** "message 3": phase and rows of each batch that was accepted. */
  readonly accepted: string[];
}

export function batchContext(eventRows = 10, rules: readonly FieldRule[] = []): TestContext {
  const accepted: string[] = [];
  const builder = new EnvelopeBuilder({
    schema: "fs",
    table: "files",
    fields: ["path", "size"],
    mapper: new FieldMapper(rules),
    eventRows,
    wallClock: () => 1_790_000_000_000,
    suggestSnapshot: () => false,
  });
  const onRows = (phase: Phase, rows: number): void => {
    accepted.push(`${phase} ${rows}`);
  };
  return { builder, tombstones: new Tombstones(), superseded: new Superseded(), onRows, accepted };
}

export const liveItem = (change: Change, index = 1, lift = false): LiveItem => ({ change, index, lift });
