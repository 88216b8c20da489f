/** Every source: what watches which file system, what has no watch and what cures that, the index, the sweeps. */
import type { SourceReport } from "../../agent/agent-status.ts";
import { byteText, count, duration } from "../format.ts";
import { act } from "./actions.ts";
import {
  type FsFacts,
  fsFacts,
  type LedgerLine,
  unansweredPlaces,
  unreadableLines,
  unwatchedLines,
} from "./fs-facts.ts";
import { t } from "./language.ts";
import { Cure, Empty, Fact, numbers, Panel, StatePill, Table } from "./parts.tsx";
import { isReadOnly } from "./state.ts";
import { SweepFact } from "./sweep.tsx";

const Engines = ({ engines = [] }: FsFacts) => (
  <Table head={[t("fileSystem"), t("engine"), numbers(t("count")), t("why")]}>
    {engines.map(({ fileSystem, engine, reason, count: many }) => (
      <tr key={`${fileSystem} ${engine} ${reason}`}>
        <td class="name">{fileSystem}</td>
        <td>{engine}</td>
        <td class="number">{count(many)}</td>
        <td>{reason}</td>
      </tr>
    ))}
  </Table>
);

const LedgerRow = ({ cause, count: many, examples, staleMs, cure }: LedgerLine) => (
  <tr>
    <td class="name">{cause}</td>
    <td class="number">{count(many)}</td>
    <td>{examples[0] ?? "–"}</td>
    <td>{staleMs === 0 ? "–" : duration(staleMs)}</td>
    <td>{cure === undefined ? t("noCure") : <Cure text={cure} />}</td>
  </tr>
);

function Ledger({ facts }: { readonly facts: FsFacts }) {
  const lines = unwatchedLines(facts);
  if (lines.length === 0) return <Empty>{t("everyWatched")}</Empty>;
  return (
    <Table class="ledger" head={[t("cause"), numbers(t("count")), t("example"), t("listedAgo"), t("cure")]}>
      {lines.map((line) => (
        <LedgerRow key={line.cause} {...line} />
      ))}
    </Table>
  );
}

/** What is kept from being looked at. */
function Hindrances({ facts }: { readonly facts: FsFacts }) {
  const { polledElsewhere = 0, lostMounts = [] } = facts;
  const unread = unreadableLines(facts).map(({ reason, count: many, examples }) =>
    [`${count(many)} (${reason})`, ...examples.slice(0, 1)].join(": "),
  );
  const silent = unansweredPlaces(facts).map(({ path, forMs }) => t("unansweredFor", path, duration(forMs)));
  const line = (name: string, texts: readonly string[]) =>
    texts.length > 0 && (
      <Fact name={name} isWide>
        {texts.join("; ")}
      </Fact>
    );
  return (
    <>
      {polledElsewhere > 0 && <Fact name={t("polled")}>{count(polledElsewhere)}</Fact>}
      {line(t("unreadable"), unread)}
      {line(t("unanswered"), silent)}
      {line(t("lostMounts"), lostMounts)}
    </>
  );
}

function WatchFacts({ facts }: { readonly facts: FsFacts }) {
  const { entries = 0, directories = 0, tableBytes = 0, watchesUsed = 0, watchesLimit = 0 } = facts;
  const { rawEvents = 0, overflows = 0, resyncs = 0, lastResyncReason = "", queueDepth = 0, sweep } = facts;
  return (
    <dl class="facts">
      <Fact name={t("entries")}>{count(entries)}</Fact>
      <Fact name={t("directories")}>{count(directories)}</Fact>
      <Fact name={t("index")}>{t("indexFacts", byteText(tableBytes), count(entries))}</Fact>
      <Fact name={t("watches")}>
        {watchesLimit === 0 ? count(watchesUsed) : t("watchesOf", count(watchesUsed), count(watchesLimit))}
      </Fact>
      <Fact name={t("kernelEvents")}>{count(rawEvents)}</Fact>
      <Fact name={t("overflows")}>{count(overflows)}</Fact>
      <Fact name={t("resyncs")}>
        {lastResyncReason === "" ? count(resyncs) : t("resyncWhy", count(resyncs), lastResyncReason)}
      </Fact>
      <Fact name={t("queue")}>{count(queueDepth)}</Fact>
      <Hindrances facts={facts} />
      {sweep !== undefined && <SweepFact sweep={sweep} />}
    </dl>
  );
}

function ConfirmButton({ id }: { readonly id: string }) {
  if (isReadOnly) return <p class="faint">{t("readOnly")}</p>;
  const confirmRoot = (): void =>
    void act(`${t("confirmRoot")} ${id}`, `/sources/${encodeURIComponent(id)}/confirm`, t("confirmRootSure", id));
  return (
    <button type="button" data-action="confirm" onClick={confirmRoot}>
      {t("confirmRoot")}
    </button>
  );
}

function Source({ source }: { readonly source: SourceReport }) {
  const { ids, driver, uri, status } = source;
  const { availability } = status;
  const facts = fsFacts(source);
  const name = ids.join(", ");
  return (
    <section class="panel source" aria-label={name} data-source={name}>
      <h2 class="plain">
        {name} <StatePill state={availability.state} /> <small>{driver}</small>
      </h2>
      <p class="place">{uri}</p>
      {availability.state === "unavailable" && <p class="error">{availability.reason}</p>}
      {facts.engines === undefined ? (
        <dl class="facts">
          {status.entries !== undefined && <Fact name={t("entries")}>{count(status.entries)}</Fact>}
        </dl>
      ) : (
        <>
          <WatchFacts facts={facts} />
          <h3>{t("watchedBy")}</h3>
          <Engines {...facts} />
          <h3>{t("noWatch")}</h3>
          <Ledger facts={facts} />
        </>
      )}
      {(facts.notes ?? []).length > 0 && (
        <details>
          <summary>{t("notes")}</summary>
          <ul class="notes">
            {facts.notes?.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </details>
      )}
      {(availability.state === "unavailable" || (facts.lostMounts ?? []).length > 0) && (
        <ConfirmButton id={ids[0] ?? ""} />
      )}
    </section>
  );
}

export function Sources({ sources }: { readonly sources: readonly SourceReport[] }) {
  if (sources.length === 0) {
    return (
      <Panel title={t("sources")}>
        <Empty>{t("noSources")}</Empty>
      </Panel>
    );
  }
  return (
    <>
      {sources.map((source) => (
        <Source key={source.ids.join()} source={source} />
      ))}
    </>
  );
}
