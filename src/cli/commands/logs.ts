import { type FileHandle, stat } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { type LogLevel, logLinesFrom } from "../../admin/log-lines.ts";
import { shutdownSignal } from "../../agent/process/shutdown.ts";
import { homePaths, resolveHome } from "../../config/home.ts";
import { configDirOf, loadConfig } from "../../config/load.ts";
import { compactLine } from "../../telemetry/log-line.ts";
import { EXIT } from "../exit-codes.ts";
import { openLogFile } from "../log-to-read.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export interface LogsCommandOptions {
  readonly follow?: boolean;
  readonly lines: number;
  /** Lines below it are left out; what is no line of the logger stays. */
  readonly level?: LogLevel;
  readonly json?: boolean;
}

const POLL_MS = 200;
const READ_BYTES = 64 * 1024;
/** Of the end of the file so much is looked at for the last lines. */
const TAIL_BYTES = 4 * 1024 * 1024;

/** A configuration that is not valid is a reason to look at the log, and no reason not to. */
async function logFileOf(home: string): Promise<string> {
  const configDir = configDirOf();
  const logDir = await loadConfig().then(
    ({ logging }) => logging.dir,
    () => configDir,
  );
  return homePaths(home, configDir, logDir).logFile;
}

/** What the runtime printed when it crashed is no JSON and goes out as it is. */
function shown(line: string, json: boolean): string {
  if (json) return line;
  try {
    return compactLine(line, "date").trimEnd();
  } catch {
    return printable(line);
  }
}

/** The lines of a growing file, whole ones only. */
class LineReader {
  #position: number;
  #rest = "";

  constructor(position: number) {
    this.#position = position;
  }

  async next(file: FileHandle): Promise<readonly string[]> {
    const { size } = await file.stat();
    if (size < this.#position) this.#position = 0;
    const buffer = Buffer.alloc(Math.min(READ_BYTES, Math.max(size - this.#position, 0)));
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, this.#position);
    this.#position += bytesRead;
    const lines = (this.#rest + buffer.toString("latin1", 0, bytesRead)).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => Buffer.from(line, "latin1").toString("utf8"));
  }
}

type IsWanted = (line: string) => boolean;

function loudEnough(least: LogLevel): IsWanted {
  const isLoud = logLinesFrom(least);
  return (text) => isLoud({ id: 0, kind: "log", text });
}

async function tail(
  file: FileHandle,
  reader: LineReader,
  count: number,
  isWanted: IsWanted,
): Promise<readonly string[]> {
  const last: string[] = [];
  for (let lines = await reader.next(file); lines.length > 0; lines = await reader.next(file)) {
    last.push(...lines.filter(isWanted));
    last.splice(0, Math.max(last.length - count, 0));
  }
  return last;
}

/** True when another file stands at the path by now. */
async function wasReplaced(path: string, file: FileHandle): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  return there !== undefined && there.ino !== (await file.stat()).ino;
}

async function follow(
  path: string,
  first: FileHandle,
  reader: LineReader,
  print: (lines: readonly string[]) => Promise<void>,
  end: AbortSignal,
): Promise<void> {
  let [file, lines] = [first, reader];
  try {
    while (!end.aborted) {
      const fresh = await lines.next(file);
      await print(fresh);
      if (fresh.length > 0) continue;
      if (await wasReplaced(path, file)) {
        await file.close();
        [file, lines] = [await openLogFile(path), new LineReader(0)];
      } else await pause(POLL_MS, undefined, { signal: end }).catch(() => undefined);
    }
  } finally {
    await file.close();
  }
}

export async function logs(options: LogsCommandOptions, terminal: Terminal): Promise<number> {
  const path = await logFileOf(resolveHome(process.env));
  const file = await openLogFile(path);
  const { size } = await file.stat();
  const reader = new LineReader(Math.max(size - TAIL_BYTES, 0));
  const isWanted = loudEnough(options.level ?? "debug");
  const print = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines.filter(isWanted)) await terminal.line(shown(line, options.json === true));
  };
  await print(await tail(file, reader, options.lines, isWanted));
  if (options.follow !== true) {
    await file.close();
    return EXIT.done;
  }
  const shutdown = shutdownSignal();
  try {
    await follow(path, file, reader, print, AbortSignal.any([shutdown.signal, terminal.closed]));
    return EXIT.done;
  } finally {
    shutdown.dispose();
  }
}
