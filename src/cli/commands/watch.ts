import { shutdownSignal } from "../../agent/process/shutdown.ts";
import type { Change } from "../../sdk/index.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { inspectableRoot, type WatchItem, watchTree } from "../tools/inspect.ts";
import { watchReader } from "../tools/reader-gone.ts";
import { inspectOptions, type ScanCommandOptions } from "./scan.ts";

export interface WatchCommandOptions extends Omit<ScanCommandOptions, "summary"> {
  readonly raw?: boolean;
}

/** One change in the wire's event form, as a pipe would send it with one row. */
export const eventLine = (change: Change, index: number): string =>
  JSON.stringify({
    event_type: change.op,
    event_schema: "fs",
    table: "files",
    fields: Object.keys(change.row),
    rows: [change.row],
    index,
    message_source: "realtime",
  });

/** Epoch milliseconds that never stand still and never go back. */
export function indexes(wallClock: () => number): () => number {
  let last = 0;
  return () => {
    last = Math.max(last + 1, Math.floor(wallClock()));
    return last;
  };
}

function textOf(item: WatchItem, nextIndex: () => number): string | Uint8Array {
  switch (item.kind) {
    case "ready":
      return '{"ready":true}\n';
    case "raw":
      return item.lines;
    case "changes":
      return item.changes.map((change) => `${eventLine(change, nextIndex())}\n`).join("");
    case "root":
      return "";
  }
}

export async function watch(directory: string, options: WatchCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  const reader = watchReader(process.stdout.fd);
  const stop = AbortSignal.any([shutdown.signal, terminal.closed, reader.gone]);
  const nextIndex = indexes(Date.now);
  try {
    const root = await inspectableRoot(directory);
    const settings = { ...inspectOptions(options), raw: options.raw ?? false };
    for await (const item of watchTree(root, settings, stop)) {
      if (item.kind === "root") {
        await terminal.complain(item.available ? `${directory} is back` : `${directory}: ${printable(item.reason)}`);
      }
      await terminal.json(textOf(item, nextIndex));
      if (terminal.closed.aborted) break;
    }
    return EXIT.done;
  } finally {
    reader.dispose();
    shutdown.dispose();
  }
}
