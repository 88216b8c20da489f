/** The changes that a pipe takes, as it takes them. */
import type { AgentStatus } from "../../agent/agent-status.ts";
import { clock, count } from "../format.ts";
import { pipePath } from "./actions.ts";
import type { ServerEvent } from "./api.ts";
import { t } from "./language.ts";
import { LineStream } from "./lines.ts";
import { hashOf } from "./route.ts";
import { Store, useStore } from "./store.ts";
import { StreamPanel } from "./stream-panel.tsx";
import type { Word } from "./words.ts";

const KINDS = ["insert", "update", "delete"] as const satisfies readonly Word[];

interface Wish {
  readonly pipe: string;
  readonly filter: string;
  readonly kinds: readonly string[];
}

const stream = new LineStream();
const wish = new Store<Wish>({ pipe: "", filter: "", kinds: KINDS });

interface Change {
  readonly at: string;
  readonly op: string;
  readonly key: string;
  readonly row?: { readonly size?: number; readonly is_directory?: boolean };
}

function show({ event, data }: ServerEvent): void {
  if (event === "listening") stream.add(t("listening", String(data.pipe)), "faint");
  if (event === "left-out") stream.add(t("leftOut", count(Number(data.count))), "bad");
  if (event !== "change") return;
  const { at, op, key, row } = data as unknown as Change;
  const size = row?.size === undefined || row.is_directory === true ? "" : `  ${row.size} B`;
  stream.add(`${clock(at)}  ${op}  ${key}${size}`, op);
}

function pathOf({ pipe, filter, kinds }: Wish): string {
  const query = new URLSearchParams();
  if (filter !== "") query.set("filter", filter);
  if (kinds.length < KINDS.length) query.set("kinds", kinds.join(","));
  return `${pipePath(pipe)}/tap?${query}`;
}

const start = (): void => void stream.start(() => pathOf(wish.value), show);

/** Opens this view and listens to the pipe. */
export function listenTo(pipe: string): void {
  wish.set({ ...wish.value, pipe });
  location.hash = hashOf("tap", pipe);
  start();
}

export const stopTap = (): void => stream.stop();

export function Tap({ status }: { readonly status: AgentStatus }) {
  const { pipe, filter, kinds } = useStore(wish);
  const ids = status.pipes.map(({ id }) => id);
  const chosen = ids.includes(pipe) ? pipe : (ids[0] ?? "");
  const change = (part: Partial<Wish>): void => wish.set({ ...wish.value, pipe: chosen, ...part });
  const toggle = (kind: string, isOn: boolean): void =>
    change({ kinds: KINDS.filter((each) => (each === kind ? isOn : kinds.includes(each))) });
  const begin = (): void => {
    change({});
    start();
  };
  return (
    <StreamPanel
      id="tap"
      title={t("tabTap")}
      stream={stream}
      startWord={t("listen")}
      stopWord={t("stopListening")}
      emptyWord={t("tapEmpty")}
      start={begin}
    >
      <label>
        {t("pipe")}
        <select id="tap-pipe" value={chosen} onChange={(event) => change({ pipe: event.currentTarget.value })}>
          {ids.map((id) => (
            <option key={id} value={id}>
              {id}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("paths")}
        <input
          id="tap-filter"
          value={filter}
          placeholder="*.csv, /a/**"
          maxLength={256}
          onInput={(event) => change({ filter: event.currentTarget.value })}
        />
      </label>
      {KINDS.map((kind) => (
        <label key={kind} class="inline">
          <input
            type="checkbox"
            checked={kinds.includes(kind)}
            onChange={(event) => toggle(kind, event.currentTarget.checked)}
          />
          {t(kind)}
        </label>
      ))}
    </StreamPanel>
  );
}
