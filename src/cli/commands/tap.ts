import { controlEvents } from "../../agent/control/control-stream.ts";
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import { formatCount, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { watchReader } from "../tools/reader-gone.ts";

export interface TapCommandOptions {
  readonly filter?: string;
  readonly kinds?: string;
  readonly json?: boolean;
}

interface SeenChange {
  readonly at: string;
  readonly op: string;
  readonly key: string;
  readonly table?: string;
  readonly row: Readonly<Record<string, unknown>>;
}

/** `12:03:05.412 update  /a/x.csv  size=3 modified_time=1795867385.1`, UTC. */
export function changeLine({ at, op, key, table, row }: SeenChange): string {
  const facts = ["size", "modified_time", "is_directory"].flatMap((name) =>
    row[name] === undefined || row[name] === false ? [] : [`${name}=${String(row[name])}`],
  );
  const words = [at.slice(11, 23), op.padEnd(6), ...(table === undefined ? [] : [table]), key, ...facts];
  return printable(words.join("  "));
}

const pathOf = (pipe: string, { filter, kinds }: TapCommandOptions): string => {
  const query = new URLSearchParams({ ...(filter && { filter }), ...(kinds && { kinds }) });
  return `/pipes/${encodeURIComponent(pipe)}/tap?${query}`;
};

/** Prints what a pipe takes off its bus, until Ctrl-C or until the agent ends. */
export async function tap(pipe: string, options: TapCommandOptions, terminal: Terminal): Promise<number> {
  const shutdown = shutdownSignal();
  const reader = watchReader(process.stdout.fd);
  const stop = AbortSignal.any([shutdown.signal, terminal.closed, reader.gone]);
  try {
    for await (const { event, data } of controlEvents(resolveHome(process.env), pathOf(pipe, options), stop)) {
      if (event === "listening" && terminal.isInteractive)
        await terminal.complain(`Listening to ${printable(pipe)}. Ctrl-C ends it; the pipe notices nothing.`);
      if (event === "left-out")
        await terminal.complain(
          `${formatCount((JSON.parse(data) as { count: number }).count)} changes left out: too many`,
        );
      if (event !== "change") continue;
      if (options.json === true) await terminal.json(`${data}\n`);
      else await terminal.line(changeLine(JSON.parse(data) as SeenChange));
    }
    if (stop.aborted) return EXIT.done;
    await terminal.complain("fustor-agent: the agent ended the stream");
    return EXIT.failure;
  } finally {
    reader.dispose();
    shutdown.dispose();
  }
}
