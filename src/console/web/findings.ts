/** What is well and what is not, as a list of checks: the page shows what is wrong first. Pure but for its words. */
import type { AgentStatus, PipeReport, SourceReport } from "../../agent/agent-status.ts";
import { count, duration } from "../format.ts";
import { isAtWork } from "../states.ts";
import { commandIn, fsFacts, unansweredPlaces, unreadableLines, unwatchedLines } from "./fs-facts.ts";
import { stateWord, t } from "./language.ts";

export type Severity = "bad" | "warning" | "good";

export interface Finding {
  readonly severity: Severity;
  readonly check: string;
  /** Absent when it is good. */
  readonly what?: string;
  readonly cure?: string;
  /** The pipe or source that it is about. */
  readonly about?: string;
}

const good = (check: string, about?: string): Finding => ({
  severity: "good",
  check,
  ...(about === undefined ? {} : { about }),
});

/** On its way, without trouble so far. */
const COMING: ReadonlySet<PipeReport["state"]> = new Set(["connecting", "draining"]);

function cureOf({ id, state }: PipeReport): string | undefined {
  if (state === "stopped") return t("cureStopped", id);
  if (state === "key_refused") return t("cureKey");
  if (state === "reconnecting") return t("cureReconnecting");
  return state === "failed" ? t("cureFailed") : undefined;
}

function stateFinding(pipe: PipeReport): Finding {
  const { id, state, info, lastError } = pipe;
  const check = t("healthPipe", id);
  if (isAtWork(state)) return good(check, id);
  const error = lastError === undefined || info.includes(lastError) ? "" : ` (${lastError})`;
  const cure = cureOf(pipe);
  return {
    severity: COMING.has(state) ? "warning" : "bad",
    check,
    what: `${t("pipe")} ${id}: ${stateWord(state)}: ${info}${error}`,
    about: id,
    ...(cure === undefined ? {} : { cure }),
  };
}

function pipeFindings(pipe: PipeReport, maxBacklogAgeMs: number): readonly Finding[] {
  const { id, backlogAgeMs = 0, poisonRows, deadLetterFile, snapshotPausedForMs: pausedFor } = pipe;
  const backlog = t("healthBacklog", id);
  const late = t("waitsTooLong", duration(backlogAgeMs), duration(maxBacklogAgeMs));
  const refused = t("healthRefused", id);
  return [
    stateFinding(pipe),
    backlogAgeMs <= maxBacklogAgeMs
      ? good(backlog, id)
      : {
          severity: "bad",
          check: backlog,
          what: `${t("pipe")} ${id}: ${late}`,
          cure: t("cureReconnecting"),
          about: id,
        },
    poisonRows === 0
      ? good(refused, id)
      : {
          severity: "warning",
          check: refused,
          what: `${t("pipe")} ${id}: ${t("rowsRefused", count(poisonRows), deadLetterFile)}`,
          about: id,
        },
    pausedFor === undefined
      ? good(t("healthSnapshot", id), id)
      : {
          severity: "warning",
          check: t("healthSnapshot", id),
          what: `${t("pipe")} ${id}: ${t("snapshotWaits", duration(pausedFor))}`,
          cure: t("cureSnapshot", id),
          about: id,
        },
  ];
}

function coverageFindings(source: SourceReport, about: string): readonly Finding[] {
  const facts = fsFacts(source);
  const check = t("healthCoverage", about);
  const warn = (what: string, cure?: string): Finding => ({
    severity: "warning",
    check,
    what: `${t("source")} ${about}: ${what}`,
    about,
    ...(cure === undefined ? {} : { cure }),
  });
  const found = [
    ...unwatchedLines(facts)
      .filter(({ cure }) => cure !== undefined)
      .map(({ cause, count: many, cure = "" }) => warn(t("withoutWatch", count(many), cause), commandIn(cure) ?? cure)),
    ...unreadableLines(facts).map(({ reason, count: many }) => warn(t("placesUnread", count(many), reason))),
    ...unansweredPlaces(facts).map(({ path }) => warn(t("placesSilent", path))),
  ];
  return found.length === 0 ? [good(check, about)] : found;
}

function sourceFindings(source: SourceReport): readonly Finding[] {
  const { ids, status } = source;
  const about = ids.join(", ");
  const { availability } = status;
  const there = t("healthSource", about);
  if (availability.state === "unavailable") {
    const cure = t("cureSource", ids[0] ?? "");
    const what = `${t("source")} ${about}: ${availability.reason}`;
    return [{ severity: "bad", check: there, what, cure, about }];
  }
  const corrupted = fsFacts(source).sweep?.corrupted ?? 0;
  const rot = t("healthRot", about);
  return [
    good(there, about),
    ...coverageFindings(source, about),
    corrupted === 0
      ? good(rot, about)
      : { severity: "bad", check: rot, what: `${t("source")} ${about}: ${t("rotted", count(corrupted))}`, about },
  ];
}

function agentFindings({ state, descriptors }: AgentStatus): readonly Finding[] {
  const check = t("healthDescriptors");
  const limit = String(descriptors.limit ?? "?");
  return [
    state === "running"
      ? good(t("healthAgent"))
      : { severity: "warning", check: t("healthAgent"), what: t("isState", stateWord(state)) },
    descriptors.exhausted
      ? { severity: "bad", check, what: t("noDescriptor", limit), cure: t("raiseDescriptors") }
      : good(check),
  ];
}

export const findingsOf = (status: AgentStatus, maxBacklogAgeMs: number): readonly Finding[] => [
  ...agentFindings(status),
  ...status.sources.flatMap(sourceFindings),
  ...status.pipes.flatMap((pipe) => pipeFindings(pipe, maxBacklogAgeMs)),
];

const RANK: Readonly<Record<Severity, number>> = { bad: 0, warning: 1, good: 2 };

/** The worst first. */
export const troublesIn = (findings: readonly Finding[]): readonly Finding[] =>
  findings
    .filter(({ severity }) => severity !== "good")
    .sort((one, other) => RANK[one.severity] - RANK[other.severity]);
