/** Every pipe: one line each, and all of it on a click. */
import { useState } from "preact/hooks";
import type { AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { count, milliseconds, rateText } from "../format.ts";
import { toneOf } from "../states.ts";
import { act, pipePath } from "./actions.ts";
import { PipeCharts } from "./charts.tsx";
import { stateWord, t } from "./language.ts";
import { Empty, Panel, StatePill } from "./parts.tsx";
import { PipeFacts, SnapshotText } from "./pipe-facts.tsx";
import { hashOf, route } from "./route.ts";
import { isReadOnly, rates } from "./state.ts";
import { useStore } from "./store.ts";
import { listenTo } from "./tap.tsx";
import type { Word } from "./words.ts";

interface Action {
  readonly word: Word;
  /** Below the pipe. */
  readonly path: string;
  readonly isGrave?: boolean;
  /** Only for snapshots in these states. */
  readonly during?: readonly PipeReport["snapshot"][];
}

const START: readonly Action[] = [{ word: "start", path: "start" }];
const RUNNING: readonly Action[] = [
  { word: "stop", path: "stop", isGrave: true },
  { word: "restart", path: "restart", isGrave: true },
  { word: "snapshotNow", path: "snapshot", during: ["none", "complete", "cancelled"] },
  { word: "snapshotPause", path: "snapshot/pause", during: ["running"] },
  { word: "snapshotResume", path: "snapshot/resume", during: ["paused"] },
  { word: "snapshotCancel", path: "snapshot/cancel", during: ["running", "paused"], isGrave: true },
  { word: "sentinelNow", path: "sentinel" },
  { word: "auditNames", path: "audit/start?mode=names" },
  { word: "auditStat", path: "audit/start?mode=stat" },
  { word: "auditHash", path: "audit/start?mode=hash" },
  { word: "auditPause", path: "audit/pause" },
  { word: "auditResume", path: "audit/resume" },
  { word: "auditCancel", path: "audit/cancel" },
];
const STOPPED: ReadonlySet<PipeReport["state"]> = new Set(["stopped", "failed"]);

function Actions({ pipe: { id, state, snapshot } }: { readonly pipe: PipeReport }) {
  const tap = (
    <button type="button" data-action="tap" onClick={() => listenTo(id)}>
      {t("tapHere")}
    </button>
  );
  const actions = STOPPED.has(state)
    ? START
    : RUNNING.filter(({ during }) => during === undefined || during.includes(snapshot));
  const run = ({ word, path, isGrave = false }: Action): void => {
    const name = `${t(word)} ${id}`;
    void act(name, `${pipePath(id)}/${path}`, isGrave ? t("sure", id, t(word)) : undefined);
  };
  if (isReadOnly) {
    return (
      <div class="actions">
        {tap} <p class="faint">{t("readOnly")}</p>
      </div>
    );
  }
  return (
    <fieldset class="actions" aria-label={t("actions")}>
      {actions.map((action) => (
        <button key={action.path} type="button" data-action={action.path} onClick={() => run(action)}>
          {t(action.word)}
        </button>
      ))}
      {!STOPPED.has(state) && tap}
    </fieldset>
  );
}

interface CardProps {
  readonly pipe: PipeReport;
  readonly source: SourceReport | undefined;
  readonly isOpen: boolean;
}

function Card({ pipe, source, isOpen }: CardProps) {
  const { id, state, role } = pipe;
  const toggle = (): void => {
    location.hash = isOpen ? hashOf("pipes") : hashOf("pipes", id);
  };
  return (
    <li class="card" data-pipe={id}>
      <button type="button" class="row" aria-expanded={isOpen} onClick={toggle}>
        <b class="name">{id}</b>
        <StatePill state={state} />
        <span class="cell">{role === undefined ? "" : stateWord(role)}</span>
        <span class="cell">{t("perSecond", rateText(rates.of(id).rowsPerSecond))}</span>
        <span class="cell">
          {t("lag")} {milliseconds(pipe.lagMs)}
        </span>
        <span class="cell">
          {t("backlog")} {count(pipe.backlog)}
        </span>
        <span class="cell wide">
          {t("snapshot")}: <SnapshotText pipe={pipe} />
        </span>
      </button>
      {isOpen && (
        <div class="open">
          <PipeFacts pipe={pipe} source={source} />
          <Actions pipe={pipe} />
          <h3>{t("lastHour")}</h3>
          <PipeCharts pipe={id} />
        </div>
      )}
    </li>
  );
}

const matches = ({ id, source, sender, state }: PipeReport, text: string): boolean =>
  [id, source, sender.id, sender.uri, state].some((each) => each.toLowerCase().includes(text.toLowerCase()));

const hasTrouble = ({ state, poisonRows }: PipeReport): boolean =>
  poisonRows > 0 || ["bad", "wait"].includes(toneOf(state));

export function Pipes({ status }: { readonly status: AgentStatus }) {
  const { about } = useStore(route);
  const [text, setText] = useState("");
  const [isTroubled, setTroubled] = useState(false);
  const shown = status.pipes.filter((pipe) => matches(pipe, text) && (!isTroubled || hasTrouble(pipe)));
  return (
    <Panel title={`${t("pipes")}: ${count(status.pipes.length)}`}>
      <div class="bar">
        <label>
          {t("find")}
          <input id="find" type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <label class="inline">
          <input
            id="troubled"
            type="checkbox"
            checked={isTroubled}
            onChange={(event) => setTroubled(event.currentTarget.checked)}
          />
          {t("onlyTrouble")}
        </label>
      </div>
      {shown.length === 0 && <Empty>{t(status.pipes.length === 0 ? "noPipes" : "noMatch")}</Empty>}
      <ul class="cards" id="pipes">
        {shown.map((pipe) => (
          <Card
            key={pipe.id}
            pipe={pipe}
            source={status.sources.find(({ ids }) => ids.includes(pipe.source))}
            isOpen={pipe.id === about}
          />
        ))}
      </ul>
    </Panel>
  );
}
