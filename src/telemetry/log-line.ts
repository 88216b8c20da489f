/** The compact form of a log entry for people at a terminal. */

const LEVEL_WIDTH = 5;

/** Makes what a terminal would act upon visible: names of files end up in log lines. */
const visible = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });

function factText(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "";
}

/** Of a serialized error its code and message: the stack is for the file. */
function errorText(error: unknown): string {
  if (typeof error !== "object" || error === null) return factText(error);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return factText(typeof code === "string" ? `${code}: ${String(message)}` : String(message));
}

const clockTime = (time: unknown): string => {
  const date = new Date(String(time));
  if (Number.isNaN(date.getTime())) return "";
  const pad = (value: number, width: number): string => String(value).padStart(width, "0");
  const hours = pad(date.getHours(), 2);
  return `${hours}:${pad(date.getMinutes(), 2)}:${pad(date.getSeconds(), 2)}.${pad(date.getMilliseconds(), 3)}`;
};

/** `12:34:56.789 WARN  message pipe=p1 rows=3`, local time, from one JSON line of the log. */
export function compactLine(jsonLine: string): string {
  const { time, level, msg, pid: _pid, ...facts } = JSON.parse(jsonLine) as Record<string, unknown>;
  const shown = Object.entries(facts).map(
    ([name, value]) => `${name}=${name === "err" ? errorText(value) : factText(value)}`,
  );
  const words = [String(msg ?? ""), ...shown].filter((word) => word !== "");
  return `${clockTime(time)} ${String(level).toUpperCase().padEnd(LEVEL_WIDTH)} ${visible(words.join(" "))}\n`;
}
