import { pino, stdTimeFunctions } from "pino";
import { type Logger, publicText } from "../sdk/index.ts";
import { type LogBounds, LogFile } from "./log-file.ts";
import { compactLine } from "./log-line.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Path of a file that gets one JSON object a line; made with mode 0600, appended to, never truncated. */
  readonly file?: string;
  /** Default: none. */
  readonly bounds?: LogBounds;
  /** Gets the descriptor of each log file that was opened: a daemon points its standard output there. */
  readonly onFileOpened?: (descriptor: number) => void;
  /** A terminal, a pipe or the like, usually `process.stdout`. When it is closed, the logger stops writing to it. */
  readonly stdout?: NodeJS.WritableStream;
  /** What `stdout` gets: `compact` lines for people (default) or the file's `json`. */
  readonly stdoutForm?: "compact" | "json";
  /** Gets each line as it stands in the file, with its line break. Must return at once. */
  readonly onLine?: (line: string) => void;
  /** Gets one line about a file that fails. Default: stderr. */
  readonly complain?: (line: string) => void;
  /** Milliseconds that never go back. Default `performance.now`. */
  readonly now?: () => number;
}

const NO_BOUNDS: LogBounds = { maxBytes: 0, keepFiles: 0 };

/** Logs for the whole process. Written at once; there is nothing to flush. */
export interface AgentLogger extends Logger {
  /** Opens the file again, after it was moved away. */
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

/** These names, at the top of the facts and up to three levels below. */
const SECRET_PATHS = ["", "*.", "*.*.", "*.*.*."].flatMap((above) =>
  SECRET_NAMES.map((name) => (name.startsWith("[") ? `${above.slice(0, -1)}${name}` : `${above}${name}`)),
);

interface Sink {
  write(line: string): void;
}

/** After a stream failed the logger stops writing to it, and `onFailed` gets the error once. */
function streamSink(stream: NodeJS.WritableStream, form: "compact" | "json", onFailed: (error: Error) => void): Sink {
  let open = true;
  stream.on("error", (error: Error) => {
    if (open) onFailed(error);
    open = false;
  });
  const formed = (line: string): string => {
    if (form === "json") return line;
    return compactLine(line, (stream as { isTTY?: boolean }).isTTY === true ? "clock" : "date");
  };
  return {
    write: (line) => {
      if (open) stream.write(formed(line));
    },
  };
}

/** Never throws because of a file: for a missing folder or a full disk it complains once and goes on. */
export function createLogger(options: LoggerOptions): AgentLogger {
  const complain = options.complain ?? ((line: string) => void process.stderr.write(line));
  const now = options.now ?? (() => performance.now());
  const { file: path, bounds = NO_BOUNDS, onFileOpened } = options;
  const onOpened = onFileOpened === undefined ? {} : { onOpened: onFileOpened };
  const file = path === undefined ? undefined : new LogFile({ path, ...bounds, complain, now, ...onOpened });
  const onStreamFailed = (error: Error): void => root.warn({ err: error }, "standard output takes no lines any more");
  const stream = options.stdout && streamSink(options.stdout, options.stdoutForm ?? "compact", onStreamFailed);
  const root = pino(
    {
      level: options.level,
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_PATHS, censor: "[redacted]" },
    },
    {
      write: (written: string) => {
        const line = publicText(written);
        file?.write(line);
        stream?.write(line);
        options.onLine?.(line);
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
