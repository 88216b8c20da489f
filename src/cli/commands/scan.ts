import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { omitUndefined } from "../../sdk/omit-undefined.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { type InspectOptions, inspectableRoot, type ScannedRows, scanTree } from "../tools/inspect.ts";

export interface ScanCommandOptions {
  readonly summary?: boolean;
  readonly exclude?: readonly string[];
  readonly filePattern?: string;
  readonly threads?: number;
}

const NEWLINE = 0x0a;

export const inspectOptions = ({ exclude, filePattern, threads }: ScanCommandOptions): InspectOptions =>
  omitUndefined({ exclude, filePattern, threads });

/** Turns the separators between the rows into line ends, in place: the rows themselves are never copied. */
export function asLines(rows: ScannedRows): Uint8Array {
  for (let row = 1; row <= rows.rowCount; row++) rows.buffer[(rows.rowOffsets[row] ?? 0) - 1] = NEWLINE;
  return rows.buffer.subarray(rows.rowOffsets[0] ?? 0, rows.rowOffsets[rows.rowCount] ?? 0);
}

export async function scan(directory: string, options: ScanCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  const stop = AbortSignal.any([shutdown.signal, terminal.closed]);
  try {
    const running = scanTree(await inspectableRoot(directory), inspectOptions(options), stop);
    for await (const rows of running.chunks) {
      if (options.summary !== true) await terminal.json(asLines(rows));
      if (stop.aborted) break;
    }
    if (terminal.closed.aborted) return EXIT.done;
    const summary = running.summary();
    for (const error of summary.errors) {
      await terminal.complain(`${printable(error.path)}: ${error.operation}: ${error.code}`);
    }
    if (options.summary === true) await terminal.line(JSON.stringify(summaryLine(summary)));
    return summary.failedDirectories > 0 || !summary.complete ? EXIT.failure : EXIT.done;
  } finally {
    shutdown.dispose();
  }
}

function summaryLine(summary: ReturnType<ReturnType<typeof scanTree>["summary"]>): Record<string, unknown> {
  const seconds = summary.elapsedMs / 1000;
  return {
    rows: summary.rows,
    directories: summary.directories,
    files: summary.files,
    symlinks: summary.symlinks,
    others: summary.others,
    row_bytes: summary.bytes,
    failed_directories: summary.failedDirectories,
    vanished: summary.vanished,
    errors_by_code: summary.errorsByCode,
    complete: summary.complete,
    elapsed_ms: Math.round(summary.elapsedMs * 1000) / 1000,
    rows_per_second: seconds > 0 ? Math.round(summary.rows / seconds) : 0,
  };
}
