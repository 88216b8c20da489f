/**
 * An installed source behind a guard: the pipe sees a source that keeps the contract, or an error that says how the
 * driver broke it.
 */
import {
  type BulkRows,
  type CallOptions,
  type ChangeBatch,
  describeError,
  type MessageStream,
  omitUndefined,
  publicAddress,
  publicText,
  type RowChunk,
  type SourceAvailability,
  type SourceDriver,
  type SourceStatus,
  type StreamOptions,
  type Verified,
} from "../../sdk/index.ts";
import { membersOf } from "../../sdk/members-of.ts";
import { batchDefect, chunkDefect } from "../../sdk/row-checks.ts";
import { isAsyncIterable } from "./driver-calls.ts";
import { type SourceGuard as Guard, guardedFreeze, resumedFrom } from "./guarded-rest.ts";
import { availabilityDefect, isText } from "./source-defects.ts";

/** A chunk whose own methods cannot throw past us. One object a chunk, none a row. */
function guardedChunk({ calls, logger }: Guard, method: string, chunk: RowChunk): RowChunk {
  const { rowCount, buffer, rowOffsets, rowFlags, groupFirstRow, groupSequence, table } = chunk;
  const release = (): void => {
    try {
      chunk.release();
    } catch (error) {
      logger.error({ err: calls.failure(`release of a chunk of ${method}`, error) }, "a driver failed");
    }
  };
  const groupContainer = (group: number): string | undefined =>
    calls.now(`groupContainer of ${method}`, () => chunk.groupContainer(group));
  const facts = { rowCount, buffer, rowOffsets, rowFlags, groupFirstRow, groupSequence, table };
  return omitUndefined({ ...facts, groupContainer, release });
}

function guardedBulk(
  guard: Guard,
  method: string,
  begin: (signal: AbortSignal) => BulkRows,
  signal: AbortSignal,
): BulkRows {
  const { calls, bounds } = guard;
  const { value: rows, end } = calls.begin(method, signal, begin, (value) =>
    isAsyncIterable(membersOf(value).chunks) ? undefined : `no rows ("chunks" is no async iterable)`,
  );
  let handedOver = 0;
  const take = (chunk: RowChunk): RowChunk => {
    calls.checked(method, chunk, chunkDefect);
    handedOver += chunk.rowCount;
    return guardedChunk(guard, method, chunk);
  };
  const rules = { boundMs: bounds.chunkMs, closeMs: bounds.closeMs, signal, mayEnd: true, end, take };
  return {
    chunks: calls.steps(method, rows.chunks, rules),
    progress: () => {
      try {
        const { expectedRows } = membersOf(rows.progress());
        return typeof expectedRows === "number" ? { rows: handedOver, expectedRows } : { rows: handedOver };
      } catch {
        return { rows: handedOver };
      }
    },
  };
}

function guardedStream(
  { driver, calls, bounds }: Guard,
  startPosition: number,
  { signal, ...options }: StreamOptions,
): MessageStream {
  const method = "getMessageIterator";
  const { value: stream, end } = calls.begin(
    method,
    signal,
    (own) => driver.getMessageIterator(startPosition, { ...options, signal: own }),
    (value) => {
      const { batches, positionLost, position } = membersOf(value);
      if (!isAsyncIterable(batches)) return `no stream ("batches" is no async iterable)`;
      if (typeof positionLost !== "boolean") return `a stream whose "positionLost" is neither true nor false`;
      return position === undefined || isText(position) ? undefined : `a stream whose "position" is no text`;
    },
  );
  const take = (batch: ChangeBatch): ChangeBatch => calls.checked(method, batch, batchDefect);
  const rules = { boundMs: Number.POSITIVE_INFINITY, closeMs: bounds.closeMs, signal, mayEnd: false, end, take };
  const { positionLost, position } = stream;
  return omitUndefined({ batches: calls.steps(method, stream.batches, rules), positionLost, position });
}

/** Facts that `status` can print; a driver that has none keeps its availability. */
function guardedStatus({ driver, calls }: Guard): SourceStatus {
  try {
    const status: unknown = JSON.parse(publicText(JSON.stringify(driver.status())));
    const wrong = availabilityDefect(membersOf(status).availability);
    if (wrong !== undefined) throw calls.defect("status", `handed over ${wrong}`);
    const { notes } = membersOf(status);
    const areNotes = notes === undefined || (Array.isArray(notes) && notes.every((note) => typeof note === "string"));
    if (!areNotes) throw calls.defect("status", `handed over "notes" that are no texts`);
    return status as SourceStatus;
  } catch (error) {
    return { availability: { state: "starting" }, notes: [describeError(calls.failure("status", error))] };
  }
}

function listenGuarded({ driver, calls, logger }: Guard, listener: (value: SourceAvailability) => void): () => void {
  const heard = (availability: SourceAvailability): void => {
    const wrong = availabilityDefect(availability);
    if (wrong === undefined) listener(availability);
    else logger.error({ err: calls.defect("onAvailability", `handed over ${wrong}`) }, "a driver failed");
  };
  const stop: unknown = calls.now("onAvailability", () => driver.onAvailability(heard));
  return () => {
    if (typeof stop !== "function") return;
    try {
      stop();
    } catch (error) {
      logger.error({ err: calls.failure("the end of onAvailability", error) }, "a driver failed");
    }
  };
}

/** For calls without an answer: a failure is logged. */
function quietly({ calls, logger }: Guard, method: string, call: () => void): void {
  try {
    calls.now(method, call);
  } catch (error) {
    logger.error({ err: error }, "a driver failed");
  }
}

const verifiedDefect = (answer: unknown): string | undefined =>
  Array.isArray(answer) && answer.every((each) => typeof membersOf(each).key === "string")
    ? undefined
    : "no list of keys that were looked at";

function guardedClose({ driver, calls, bounds }: Guard): Promise<void> {
  return calls.later("close", () => driver.close(), { boundMs: bounds.closeMs });
}

export function guardedSource(guard: Guard): SourceDriver {
  const { driver, calls, bounds } = guard;
  const {
    acknowledged,
    changedSince,
    getAuditIterator,
    verify,
    scan,
    rescan,
    confirm,
    sweep,
    freeze,
    kept,
    lastStateIsEnough,
  } = driver;
  const bulk = <O extends CallOptions>(method: string, options: O, begin: (options: O) => BulkRows): BulkRows =>
    guardedBulk(guard, method, (signal) => begin({ ...options, signal }), options.signal);
  let closing: Promise<void> | undefined;
  const guarded = omitUndefined({
    schema: driver.schema,
    table: driver.table,
    fields: [...driver.fields],
    uri: publicAddress(driver.uri),
    lastStateIsEnough: typeof lastStateIsEnough === "boolean" ? lastStateIsEnough : undefined,
    open: (options: CallOptions) =>
      calls.later("open", (signal) => driver.open({ ...options, signal }), {
        boundMs: bounds.callMs,
        signal: options.signal,
      }),
    getMessageIterator: (startPosition: number, options: StreamOptions) => guardedStream(guard, startPosition, options),
    acknowledged: acknowledged && ((change) => quietly(guard, "acknowledged", () => acknowledged.call(driver, change))),
    getSnapshotIterator: (options) => bulk("getSnapshotIterator", options, (own) => driver.getSnapshotIterator(own)),
    changedSince:
      changedSince &&
      ((second, options) => bulk("changedSince", options, (own) => changedSince.call(driver, second, own))),
    getAuditIterator:
      getAuditIterator && ((options) => bulk("getAuditIterator", options, (own) => getAuditIterator.call(driver, own))),
    verify:
      verify &&
      ((keys, { signal }) => {
        const rules = { boundMs: bounds.callMs, signal, check: verifiedDefect };
        return calls.later<readonly Verified[]>("verify", (own) => verify.call(driver, keys, { signal: own }), rules);
      }),
    scan: scan && ((key, recursive, options) => bulk("scan", options, (own) => scan.call(driver, key, recursive, own))),
    rescan: rescan && ((containers, options) => bulk("rescan", options, (own) => rescan.call(driver, containers, own))),
    status: () => guardedStatus(guard),
    confirm: confirm && (() => calls.now("confirm", () => confirm.call(driver)) === true),
    sweep: sweep && ((command) => calls.now("sweep", () => sweep.call(driver, command)) === true),
    freeze: freeze && (() => guardedFreeze(guard)),
    kept: kept && ((mark) => quietly(guard, "kept", () => kept.call(driver, mark))),
    resumedFrom: undefined,
    onAvailability: (listener) => listenGuarded(guard, listener),
    close: () => {
      closing ??= guardedClose(guard);
      return closing;
    },
  } satisfies { [K in keyof Required<SourceDriver>]: SourceDriver[K] | undefined }) as SourceDriver;
  return Object.defineProperty(guarded, "resumedFrom", { enumerable: true, get: () => resumedFrom(guard) });
}
