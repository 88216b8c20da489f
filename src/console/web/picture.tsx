/** What flows where: each pipe a line from its source to its receiver, those with trouble first. */
import { useState } from "preact/hooks";
import type { AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { count, milliseconds, rateText } from "../format.ts";
import { toneOf } from "../states.ts";
import { t } from "./language.ts";
import { Empty, Panel, StatePill } from "./parts.tsx";
import { hashOf } from "./route.ts";
import { rates } from "./state.ts";

const FIRST = 12;
const RANK = { bad: 0, wait: 1, busy: 2, good: 3, idle: 4 } as const;

const byTrouble = (one: PipeReport, other: PipeReport): number => RANK[toneOf(one.state)] - RANK[toneOf(other.state)];

function Line({ pipe, source }: { readonly pipe: PipeReport; readonly source: SourceReport | undefined }) {
  const { rowsPerSecond } = rates.of(pipe.id);
  const flow = rowsPerSecond > 0 ? "flow moving" : "flow";
  return (
    <li>
      <span class="end">
        <b>{pipe.source}</b>
        <small>{source?.uri ?? ""}</small>
      </span>
      <span class={flow} aria-hidden="true" />
      <a class="middle" href={hashOf("pipes", pipe.id)}>
        <b>{pipe.id}</b> <StatePill state={pipe.state} />
        <small>
          {t("perSecond", rateText(rowsPerSecond))} · {t("lag")} {milliseconds(pipe.lagMs)} · {t("backlog")}{" "}
          {count(pipe.backlog)}
        </small>
      </a>
      <span class={flow} aria-hidden="true" />
      <span class="end">
        <b>{pipe.sender.id}</b>
        <small>{pipe.sender.uri}</small>
      </span>
    </li>
  );
}

export function Picture({ status }: { readonly status: AgentStatus }) {
  const [isWhole, setWhole] = useState(false);
  const pipes = [...status.pipes].sort(byTrouble);
  const shown = isWhole ? pipes : pipes.slice(0, FIRST);
  const sourceOf = ({ source }: PipeReport) => status.sources.find(({ ids }) => ids.includes(source));
  return (
    <Panel title={t("picture")}>
      {pipes.length === 0 && <Empty>{t("noPipes")}</Empty>}
      <ul class="picture" id="picture">
        {shown.map((pipe) => (
          <Line key={pipe.id} pipe={pipe} source={sourceOf(pipe)} />
        ))}
      </ul>
      {pipes.length > FIRST && (
        <button type="button" class="quiet" onClick={() => setWhole(!isWhole)}>
          {isWhole ? t("pictureLess") : t("pictureMore", pipes.length)}
        </button>
      )}
    </Panel>
  );
}
