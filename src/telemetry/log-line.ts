/** The compact form of a log entry for people at a terminal. */

const LEVEL_WIDTH = 5;

/** Makes control characters visible, on which a terminal would act: log lines hold names of files. */
const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });

function factText(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "";
}

/** The code and message of a serialized error; the stack is in the file alone. */
function errorText(error: unknown): string {
  if (typeof error !== "object" || error === null) return factText(error);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return factText(typeof code === "string" ? `${code}: ${String(message)}` : String(message));
}

/** `clock` for a terminal; `date` with the zone for output that may be read later and elsewhere. */
export type TimeForm = "clock" | "date";

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

const clockTime = (date: Date): string =>
  `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;

function zone(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}

function timeText(time: unknown, form: TimeForm): string {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return "";
  if (form === "clock") return clockTime(date);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}T${clockTime(date)}${zone(date)}`;
}

/** `12:34:56.789 WARN  message pipe=p1 rows=3`, local time, from one JSON line of the log. */
export function compactLine(jsonLine: string, form: TimeForm = "clock"): string {
  const { time, level, msg, pid: _pid, ...facts } = JSON.parse(jsonLine) as Record<string, unknown>;
  const shown = Object.entries(facts).map(
    ([name, value]) => `${name}=${name === "err" ? errorText(value) : factText(value)}`,
  );
  const words = [String(msg ?? ""), ...shown].filter((word) => word !== "");
  return `${timeText(time, form)} ${String(level).toUpperCase().padEnd(LEVEL_WIDTH)} ${visible(words.join(" "))}\n`;
}
