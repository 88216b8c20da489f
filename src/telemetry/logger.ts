import { pino, stdTimeFunctions } from "pino";
import type { Logger } from "../sdk/index.ts";
import { LogFile } from "./log-file.ts";
import { compactLine } from "./log-line.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Path of a file that gets one JSON object a line; made with mode 0600, appended to, never truncated. */
  readonly file?: string;
  /** A terminal, pipe or anything alike, mostly `process.stdout`. A closed one is dropped quietly. */
  readonly stdout?: NodeJS.WritableStream;
  /** What `stdout` gets: `compact` lines for people (default) or the file's `json`. */
  readonly stdoutForm?: "compact" | "json";
  /** Gets the one complaint about a file that fails. Default: stderr. */
  readonly complain?: (line: string) => void;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly now?: () => number;
}

/** Logs for the whole process. Written at once; there is nothing to flush. */
export interface AgentLogger extends Logger {
  /** Opens the file anew, after it was moved away. */
  reopen(): void;
  /** Closes the file; later entries are lost. Idempotent. */
  close(): void;
}

const SECRET_NAMES = [
  "credential",
  "key",
  "apiKey",
  "api_key",
  '["x-api-key"]',
  "password",
  "passwd",
  "sessionId",
  "session_id",
];

/** The names at the top of the facts and up to three levels below. */
const SECRET_PATHS = ["", "*.", "*.*.", "*.*.*."].flatMap((above) =>
  SECRET_NAMES.map((name) => (name.startsWith("[") ? `${above.slice(0, -1)}${name}` : `${above}${name}`)),
);

interface Sink {
  write(line: string): void;
}

function streamSink(stream: NodeJS.WritableStream, form: "compact" | "json"): Sink {
  let open = true;
  stream.on("error", () => {
    open = false;
  });
  return {
    write: (line) => {
      if (open) stream.write(form === "json" ? line : compactLine(line));
    },
  };
}

/** Never throws because of a file: a missing folder or a full disk is complained about once and survived. */
export function createLogger(options: LoggerOptions): AgentLogger {
  const complain = options.complain ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => performance.now());
  const file = options.file === undefined ? undefined : new LogFile({ path: options.file, complain, now });
  const stream = options.stdout && streamSink(options.stdout, options.stdoutForm ?? "compact");
  const root = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
    },
    {
      write: (line: string) => {
        file?.write(line);
        stream?.write(line);
      },
    },
  );
  return {
    debug: (facts, message) => root.debug(facts, message),
    info: (facts, message) => root.info(facts, message),
    warn: (facts, message) => root.warn(facts, message),
    error: (facts, message) => root.error(facts, message),
    child: (facts) => root.child(facts),
    reopen: () => file?.reopen(),
    close: () => file?.close(),
  };
}
