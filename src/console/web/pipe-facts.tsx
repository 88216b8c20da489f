/** What one pipe says of itself, all of it. */
import type { PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { snapshotWord } from "../../agent/snapshot-word.ts";
import { byteText, count, duration, milliseconds, rateText } from "../format.ts";
import { fsFacts } from "./fs-facts.ts";
import { stateWord, t } from "./language.ts";
import { Fact, Progress } from "./parts.tsx";
import { rates } from "./state.ts";
import { SweepFact } from "./sweep.tsx";

export function SnapshotText({ pipe }: { readonly pipe: PipeReport }) {
  const word = snapshotWord(pipe);
  if (word === "none") return <>{stateWord(word)}</>;
  const { snapshotRows: rows, snapshotExpectedRows: expected, snapshotRowsPerSecond: rate, snapshotEtaMs: eta } = pipe;
  const isMoving = word === "running" || word === "paused";
  const parts = [
    stateWord(word),
    isMoving && expected !== undefined ? t("rowsOf", count(rows), count(expected)) : t("rowsAlone", count(rows)),
    ...(pipe.snapshotPausedForMs === undefined ? [] : [t("pausedFor", duration(pipe.snapshotPausedForMs))]),
    ...(isMoving && rate !== undefined ? [t("perSecond", rateText(rate))] : []),
    ...(isMoving && eta !== undefined ? [t("left", duration(eta))] : []),
  ];
  return (
    <>
      {parts.join(", ")}
      {isMoving && <Progress value={rows} of={expected} label={t("snapshot")} />}
    </>
  );
}

function auditText({ audit }: PipeReport): string {
  const last = audit.lastCompleteAgoMs === undefined ? [] : [t("auditLast", duration(audit.lastCompleteAgoMs))];
  return [stateWord(audit.state), t("auditRuns", count(audit.runs), count(audit.cutShort)), ...last].join(", ");
}

function backlogText({ backlog, backlogAgeMs }: PipeReport): string {
  return backlogAgeMs === undefined ? count(backlog) : `${count(backlog)}, ${t("waits", duration(backlogAgeMs))}`;
}

const sentText = ({ rowsSent: { message, snapshot, audit, on_demand_job: scans } }: PipeReport): string =>
  t("sentOf", count(message), count(snapshot), count(audit), count(scans));

/** Only where there is something to say. */
function TroubleFacts({ pipe }: { readonly pipe: PipeReport }) {
  const { retry, poisonRows, changesLost, lastError, deadLetterFile, clockSkewMs, rescans } = pipe;
  return (
    <>
      {retry !== undefined && (
        <>
          <Fact name={t("retries")}>{count(retry.failures)}</Fact>
          <Fact name={t("nextAttempt")}>{t("nextIn", duration(retry.nextInMs))}</Fact>
        </>
      )}
      {rescans.pending > 0 && <Fact name={t("rescans")}>{count(rescans.pending)}</Fact>}
      {changesLost > 0 && <Fact name={t("behind")}>{count(changesLost)}</Fact>}
      {clockSkewMs !== undefined && Math.abs(clockSkewMs) > 2000 && (
        <Fact name={t("clock")}>{t("clockSkew", duration(Math.abs(clockSkewMs)))}</Fact>
      )}
      {poisonRows > 0 && (
        <Fact name={t("refused")} isWide>
          {t("refusedFile", count(poisonRows), deadLetterFile)}
        </Fact>
      )}
      {lastError !== undefined && (
        <Fact name={t("lastError")} isWide>
          <span class="error">{lastError}</span>
        </Fact>
      )}
    </>
  );
}

export function PipeFacts({ pipe, source }: { readonly pipe: PipeReport; readonly source: SourceReport | undefined }) {
  const { rowsPerSecond, bytesPerSecond } = rates.of(pipe.id);
  const sweep = source === undefined ? undefined : fsFacts(source).sweep;
  return (
    <dl class="facts">
      <Fact name={t("phase")} isWide>
        {pipe.info}
      </Fact>
      <Fact name={t("rate")}>
        {t("perSecond", rateText(rowsPerSecond))}, {t("perSecond", byteText(bytesPerSecond))}
      </Fact>
      <Fact name={t("lag")}>{milliseconds(pipe.lagMs)}</Fact>
      <Fact name={t("backlog")}>{backlogText(pipe)}</Fact>
      <Fact name={t("role")}>{pipe.role === undefined ? "–" : stateWord(pipe.role)}</Fact>
      <Fact name={t("session")}>{pipe.session ?? "–"}</Fact>
      <Fact name={t("failures")}>{count(pipe.failures)}</Fact>
      <Fact name={t("snapshot")} isWide>
        <SnapshotText pipe={pipe} />
      </Fact>
      <Fact name={t("audit")} isWide>
        {auditText(pipe)}
      </Fact>
      {sweep !== undefined && <SweepFact sweep={sweep} />}
      <Fact name={t("sent")} isWide>
        {sentText(pipe)}
      </Fact>
      {pipe.bytesSent !== undefined && <Fact name={t("bytesSent")}>{byteText(pipe.bytesSent)}</Fact>}
      {pipe.sentinel.checked > 0 && <Fact name={t("suspects")}>{count(pipe.sentinel.checked)}</Fact>}
      <TroubleFacts pipe={pipe} />
      <Fact name={t("source")} isWide>
        {pipe.source}
        {source === undefined ? "" : `: ${source.uri}`}
      </Fact>
      <Fact name={t("receiver")} isWide>
        {pipe.sender.id}: {pipe.sender.uri}
      </Fact>
    </dl>
  );
}
