/** The log: what is still in the agent's memory, and what comes. */

import { clock } from "../format.ts";
import { get, type ServerEvent } from "./api.ts";
import { t } from "./language.ts";
import { LineStream } from "./lines.ts";
import { Store, useStore } from "./store.ts";
import { StreamPanel } from "./stream-panel.tsx";

const LEVELS = ["debug", "info", "warn", "error"] as const;
const BAD = new Set(["warn", "error"]);

interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

const stream = new LineStream();
const wish = new Store({ level: "info", text: "" });

function factText([name, value]: readonly [string, unknown]): string {
  const message = (value as { readonly message?: unknown } | null)?.message;
  return `  ${name}=${typeof value === "string" ? value : typeof message === "string" ? message : JSON.stringify(value)}`;
}

function lineText({ time, level, msg, pid: _pid, ...facts }: LogLine): string {
  return `${clock(time)}  ${level.toUpperCase()}  ${msg}${Object.entries(facts).map(factText).join("")}`;
}

function show(line: LogLine): void {
  const text = lineText(line);
  if (text.toLowerCase().includes(wish.value.text.toLowerCase())) stream.add(text, BAD.has(line.level) ? "bad" : "");
}

/** The lines that are there, and the address of those that come after them. */
async function newest(): Promise<string> {
  const { level, text } = wish.value;
  const query = new URLSearchParams({ level, text });
  const { lines, lastId } = await get<{ lines: readonly LogLine[]; lastId: number }>(`/api/v1/logs?${query}`);
  stream.clear();
  for (const line of lines) show(line);
  return `/events?kinds=log&after=${lastId}&level=${level}`;
}

const onEvent = ({ event, data }: ServerEvent): void => {
  if (event === "log") show(data as unknown as LogLine);
};

export const stopLog = (): void => stream.stop();

export function Log() {
  const { level, text } = useStore(wish);
  return (
    <StreamPanel
      id="log"
      title={t("tabLog")}
      stream={stream}
      startWord={t("follow")}
      stopWord={t("stopFollowing")}
      emptyWord={t("logEmpty")}
      start={() => void stream.start(newest, onEvent)}
    >
      <label>
        {t("level")}
        <select value={level} onChange={(event) => wish.set({ ...wish.value, level: event.currentTarget.value })}>
          {LEVELS.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      <label>
        {t("text")}
        <input
          value={text}
          maxLength={200}
          onInput={(event) => wish.set({ ...wish.value, text: event.currentTarget.value })}
        />
      </label>
    </StreamPanel>
  );
}
