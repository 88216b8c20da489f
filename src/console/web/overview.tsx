/** The first view: what the agent costs, what flows, and the last hour. */
import type { AgentStatus } from "../../agent/agent-status.ts";
import { count, duration, megabytes, rateText } from "../format.ts";
import { AgentCharts } from "./charts.tsx";
import { t } from "./language.ts";
import { Fact, Panel } from "./parts.tsx";
import { Picture } from "./picture.tsx";
import { rates } from "./state.ts";

export const Overview = ({ status }: { readonly status: AgentStatus }) => (
  <>
    <dl class="facts">
      <Fact name={t("rate")}>{t("perSecond", rateText(rates.total()))}</Fact>
      <Fact name={t("backlog")}>{count(status.pipes.reduce((sum, { backlog }) => sum + backlog, 0))}</Fact>
      <Fact name={t("pipes")}>{count(status.pipes.length)}</Fact>
      <Fact name={t("up")}>{duration(status.uptimeMs)}</Fact>
      <Fact name={t("memory")}>{megabytes(status.rssBytes)}</Fact>
      <Fact name={t("core")}>{status.cpu.percent.toFixed(1)} %</Fact>
      <Fact name={t("process")}>PID {status.pid}</Fact>
      <Fact name={t("version")}>{status.version}</Fact>
      <Fact name={t("home")} isWide>
        {status.home}
      </Fact>
    </dl>
    <Picture status={status} />
    <Panel title={t("lastHour")}>
      <AgentCharts />
    </Panel>
  </>
);
