/** Turns the engine's chunks into RowChunks of the sdk. */
import type { RowChunk } from "../sdk/index.ts";
import type { NativeChunk, NativeScan } from "./scan.ts";

/** The key of a group's directory; decoded when it is asked for, which is seldom. */
function directoryAt({ groupDirs, groupDirEnds }: NativeChunk, group: number): string {
  const text = groupDirs.toString("utf8", groupDirEnds[group - 1] ?? 0, groupDirEnds[group]);
  if (text === "") return "/";
  return text.includes("\\") ? (JSON.parse(`"${text}"`) as string) : text;
}

function rowChunk(scan: NativeScan, chunk: NativeChunk): RowChunk {
  let released = false;
  return {
    rowCount: chunk.rowCount,
    buffer: chunk.buffer,
    rowOffsets: chunk.rowOffsets,
    rowFlags: chunk.rowFlags,
    groupFirstRow: chunk.groupFirstRow,
    groupSequence: chunk.groupSequence,
    groupContainer: (group) => directoryAt(chunk, group),
    // At a second call the slot may hold another chunk.
    release() {
      if (released) return;
      released = true;
      scan.release(chunk.slot);
    },
  };
}

/**
 * The chunks of a scan or snapshot, pulled one by one. The consumer has to release each, in any order, also after the
 * end.
 *
 * An abort cancels the scan and ends the iteration without an error; so does leaving the loop. Rejects as
 * NativeScan.next does.
 */
export async function* rowChunks(scan: NativeScan, signal: AbortSignal): AsyncGenerator<RowChunk> {
  let ended = false;
  const cancel = (): void => scan.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    while (!signal.aborted) {
      const chunk = await scan.next();
      ended = chunk === null;
      if (chunk === null) return;
      if (signal.aborted) scan.release(chunk.slot);
      else yield rowChunk(scan, chunk);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", cancel);
    if (!ended) scan.cancel();
  }
}
