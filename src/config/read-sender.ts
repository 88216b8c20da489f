/** One block of `senders`. */

import type { z } from "zod";
import { omitUndefined, type SenderModule } from "../sdk/index.ts";
import type { Problems } from "../yaml/problem.ts";
import { checkFields } from "./check.ts";
import { type ReadContext, type ReadEntry, readDriverEntry } from "./driver-entry.ts";
import type { RawEntry } from "./entries.ts";
import { SENDER_KEYS } from "./known-keys.ts";
import type { SenderConfig } from "./model.ts";
import { senderSchema } from "./schemas.ts";

/** The sender, or undefined when it cannot be used: every reason is then recorded. */
export function readSender(entry: RawEntry, context: ReadContext): SenderConfig | undefined {
  const find = (name: string) => context.drivers.sender(name);
  const read = readDriverEntry(entry, { kind: "sender", keys: SENDER_KEYS, find }, context);
  const values = checkFields(senderSchema, read.fields, entry, context.problems);
  const { driver, checked, enabled } = read;
  if (driver === undefined || values === undefined || checked === undefined) return undefined;
  const limits = { ...values, ...overridden(read, context.problems) };
  return omitUndefined({
    id: entry.id,
    driver,
    uri: checked.uri,
    credential: checked.credential,
    batchEvents: limits.batch_size,
    batchBytes: limits.batch_bytes,
    eventRows: limits.event_rows,
    timeoutMs: Math.ceil(limits.timeout_sec * 1000),
    disabled: !enabled,
    driverParams: checked.params,
    written: read.written,
    origin: entry.origin,
  });
}

type Limits = Partial<Pick<z.output<typeof senderSchema>, "batch_bytes" | "event_rows" | "timeout_sec">>;

/** What the parameters say in place of the entry's own keys. */
function overridden({ module, checked, fields, paramFields }: ReadEntry<SenderModule>, problems: Problems): Limits {
  const limits: Record<string, number> = {};
  for (const [param, key] of Object.entries(module?.overrides ?? {})) {
    const value = checked?.params[param];
    if (typeof value !== "number") continue;
    limits[key] = value;
    const [inner, outer] = [paramFields.get(param), fields.get(key)];
    if (outer !== undefined && inner !== undefined) {
      problems.warn(outer, `is overridden by ${inner.path}`, "keep one of them");
    }
  }
  return limits;
}
