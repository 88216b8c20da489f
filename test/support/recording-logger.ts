import type { Logger } from "../../src/sdk/index.ts";

export interface LoggedEntry {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly facts: Readonly<Record<string, unknown>>;
  readonly message: string;
}

export interface RecordingLogger extends Logger {
  /** Its own entries and those of its children, in order. */
  readonly entries: readonly LoggedEntry[];
  /** The messages alone. */
  messages(): readonly string[];
}

/** A logger for tests that keeps what it is told. */
export function createRecordingLogger(): RecordingLogger {
  const entries: LoggedEntry[] = [];
  const at = (bound: object): Logger => {
    const note = (level: LoggedEntry["level"]) => (facts: object, message: string) => {
      entries.push({ level, facts: { ...bound, ...facts }, message });
    };
    const child = (facts: object): Logger => at({ ...bound, ...facts });
    return { debug: note("debug"), info: note("info"), warn: note("warn"), error: note("error"), child };
  };
  return { ...at({}), entries, messages: () => entries.map((entry) => entry.message) };
}
