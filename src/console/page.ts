/**
 * The document of the console. Its script (src/console/web) draws everything; what stands here besides is for browsers
 * without scripts: the same states, rendered by the agent. Every text goes through `html`, which escapes it.
 */
import { html } from "hono/html";
import type { AgentStatus, DescriptorState, PipeReport, SourceReport } from "../agent/agent-status.ts";
import { jobsText, troubleCounts } from "../agent/pipe-lines.ts";
import { snapshotWord } from "../agent/snapshot-word.ts";
import { count, duration, megabytes, milliseconds } from "./format.ts";
import { troublesOf } from "./health.ts";
import { type AnyState, toneOf } from "./states.ts";

export type Markup = ReturnType<typeof html>;
export const pill = (state: AnyState): Markup =>
  html`<span class="pill ${toneOf(state)}">${state.replaceAll("_", " ")}</span>`;

export const fact = (name: string, value: string | Markup, kind = ""): Markup =>
  html`<div class="${kind}"><dt>${name}</dt><dd>${value}</dd></div>`;

/** Only when there is one. */
export const descriptorTrouble = ({ exhausted, limit }: DescriptorState): Markup =>
  exhausted
    ? fact(
        "Trouble",
        html`<span class="error">no file descriptor is left (limit ${String(limit ?? "unknown")})</span>`,
        "wide",
      )
    : html``;

function facts(status: AgentStatus): Markup {
  return html`<dl class="facts">
    ${fact("Up", duration(status.uptimeMs))}
    ${fact("Memory", megabytes(status.rssBytes))}
    ${fact("Of one core", `${status.cpu.percent.toFixed(1)} %`)}
    ${fact("Process", `PID ${status.pid}`)}
    ${fact("Version", status.version)}
    ${fact("Home", status.home, "wide")}
    ${descriptorTrouble(status.descriptors)}
  </dl>`;
}

function snapshot(pipe: PipeReport): Markup {
  if (pipe.snapshot === "none") return html`–`;
  const word = snapshotWord(pipe);
  if (["complete", "waiting", "cancelled"].includes(word)) return html`${word}, ${count(pipe.snapshotRows)} rows`;
  const expected = pipe.snapshotExpectedRows;
  const bar = expected === undefined ? html`<progress></progress>` : bounded(pipe.snapshotRows, expected);
  const { snapshotRowsPerSecond: rate, snapshotEtaMs: eta } = pipe;
  const pace = rate === undefined ? "" : `, ${count(rate)}/s`;
  const left = eta === undefined ? "" : `, ${Math.ceil(eta / 1000)} s left`;
  return html`${count(pipe.snapshotRows)} rows${pace}${left}${pausedText(pipe)}${bar}`;
}

const pausedText = (pipe: PipeReport): string =>
  snapshotWord(pipe) !== "paused"
    ? ""
    : `, paused${pipe.snapshotPausedForMs === undefined ? "" : ` for ${duration(pipe.snapshotPausedForMs)}`}`;

const bounded = (rows: number, expected: number): Markup =>
  html`<progress value="${Math.min(rows, expected)}" max="${Math.max(expected, 1)}"></progress>`;

function troubles(pipe: PipeReport): readonly string[] {
  return [
    ...troubleCounts(pipe).map(({ value, text }) => `${count(value)} ${text}`),
    ...(pipe.lastError === undefined || pipe.info.includes(pipe.lastError) ? [] : [`last error: ${pipe.lastError}`]),
  ];
}

function pipeRows(pipe: PipeReport): Markup {
  const jobs = jobsText(pipe, duration);
  const worked = jobs === undefined ? "" : html`<br>${jobs}`;
  const failed = troubles(pipe).map((trouble) => html`<br><span class="error">${trouble}</span>`);
  return html`<tbody>
    <tr class="with-detail">
      <td class="name">${pipe.id}</td>
      <td>${pill(pipe.state)}</td>
      <td>${pipe.role ?? "–"}</td>
      <td>${snapshot(pipe)}</td>
      <td class="number">${count(pipe.rowsSent.message)}</td>
      <td class="number">${count(pipe.backlog)}</td>
      <td class="number">${milliseconds(pipe.lagMs)}</td>
      <td class="number">${count(pipe.failures)}</td>
    </tr>
    <tr class="detail"><td colspan="8">${pipe.source} → ${pipe.sender.id} (${pipe.sender.uri}). ${pipe.info}${worked}${failed}</td></tr>
  </tbody>`;
}

function pipeTable(pipes: readonly PipeReport[]): Markup {
  if (pipes.length === 0) return html`<div class="panel empty">No pipe is running.</div>`;
  return html`<div class="panel"><table>
    <thead><tr><th>Pipe</th><th>State</th><th>Role</th><th>Snapshot</th><th class="number">Live rows</th>
    <th class="number">Backlog</th><th class="number">Lag</th><th class="number">Failures</th></tr></thead>
    ${pipes.map(pipeRows)}
  </table></div>`;
}

function sourceRow(source: SourceReport): Markup {
  const { availability, entries } = source.status;
  const reason =
    availability.state === "unavailable" ? html`<br><span class="error">${availability.reason}</span>` : "";
  return html`<tr>
    <td class="name">${source.ids.join(", ")}</td>
    <td>${pill(availability.state)}</td>
    <td>${source.driver}</td>
    <td>${source.uri}${reason}</td>
    <td class="number">${entries === undefined ? "–" : count(entries)}</td>
  </tr>`;
}

function sourceTable(sources: readonly SourceReport[]): Markup {
  if (sources.length === 0) return html`<div class="panel empty">No source is open.</div>`;
  return html`<div class="panel"><table>
    <thead><tr><th>Source</th><th>State</th><th>Driver</th><th>Root</th><th class="number">Entries</th></tr></thead>
    <tbody>${sources.map(sourceRow)}</tbody>
  </table></div>`;
}

function wrong(troubles: readonly string[]): Markup {
  if (troubles.length === 0) return html``;
  const list = troubles.map((trouble) => html`<li>${trouble}</li>`);
  return html`<section class="panel wrong" aria-label="What is wrong"><ul>${list}</ul></section>`;
}

/** What a browser without scripts shows, what is wrong first. */
export function renderMain(status: AgentStatus, maxBacklogAgeMs: number): Markup {
  return html`<main>
<header><h1>Fustor Agent</h1>${pill(status.state)}</header>
${wrong(troublesOf(status, maxBacklogAgeMs))}
${facts(status)}
<h2>Pipes</h2>
${pipeTable(status.pipes)}
<h2>Sources</h2>
${sourceTable(status.sources)}
</main>`;
}

export interface PageOptions {
  /** The Content-Security-Policy allows scripts and styles with it alone. */
  readonly nonce: string;
  /** How long a change may wait for its receiver before that is wrong. */
  readonly maxBacklogAgeMs: number;
  /** Whether nothing can be changed here. */
  readonly isReadOnly: boolean;
}

/** `main`: for browsers without scripts. */
export function renderPage(main: Markup, { nonce, maxBacklogAgeMs, isReadOnly }: PageOptions): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fustor Agent</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" nonce="${nonce}" href="style.css">
</head>
<body data-backlog-ms="${maxBacklogAgeMs}" data-read-only="${String(isReadOnly)}">
<div id="page"></div>
<noscript>${main}</noscript>
<script type="module" nonce="${nonce}" src="console.js"></script>
</body>
</html>`;
}
