/** Without the token: states and counts, no names. */
import { snapshotWord } from "../../agent/snapshot-word.ts";
import { count, duration, megabytes, milliseconds } from "../format.ts";
import type { PublicStatus } from "../public-status.ts";
import { stateWord, t } from "./language.ts";
import { Fact, numbers, Panel, StatePill, Table } from "./parts.tsx";

const Pipes = ({ pipes }: Pick<PublicStatus, "pipes">) => (
  <Table
    head={[
      t("pipe"),
      t("state"),
      t("role"),
      t("snapshot"),
      numbers(t("backlog")),
      numbers(t("lag")),
      numbers(t("failures")),
    ]}
  >
    {pipes.map((pipe, at) => (
      <tr key={at}>
        <td class="name">{at + 1}</td>
        <td>
          <StatePill state={pipe.state} />
        </td>
        <td>{pipe.role === null || pipe.role === undefined ? "–" : stateWord(pipe.role)}</td>
        <td>
          {stateWord(snapshotWord(pipe))}, {count(pipe.snapshotRows)}
        </td>
        <td class="number">{count(pipe.backlog)}</td>
        <td class="number">{milliseconds(pipe.lagMs ?? undefined)}</td>
        <td class="number">{count(pipe.failures)}</td>
      </tr>
    ))}
  </Table>
);

export const Stranger = ({ status }: { readonly status: PublicStatus }) => (
  <>
    <p class="faint">{t("tokenCounts")}</p>
    <dl class="facts">
      <Fact name={t("up")}>{duration(status.uptimeMs)}</Fact>
      <Fact name={t("memory")}>{megabytes(status.rssBytes)}</Fact>
      <Fact name={t("core")}>{status.cpu.percent.toFixed(1)} %</Fact>
      <Fact name={t("version")}>{status.version}</Fact>
    </dl>
    <Panel title={t("pipes")}>
      <Pipes pipes={status.pipes} />
    </Panel>
    <Panel title={t("sources")}>
      <ul class="notes">
        {status.sources.map(({ state, entries }, at) => (
          <li key={at}>
            {at + 1} <StatePill state={state} /> {entries === null ? "" : `${count(entries)} ${t("entries")}`}
          </li>
        ))}
      </ul>
    </Panel>
  </>
);
