/** For a browser without scripts and a client without the token: states and counts, and no names. */
import { html } from "hono/html";
import { snapshotWord } from "../agent/snapshot-word.ts";
import { count, duration, megabytes, milliseconds } from "./format.ts";
import { descriptorTrouble, fact, type Markup, pill } from "./page.ts";
import type { PublicPipe, PublicSource, PublicStatus } from "./public-status.ts";

const pipeRow = (pipe: PublicPipe, at: number): Markup => html`<tr>
  <td class="name">${at + 1}</td>
  <td>${pill(pipe.state)}</td>
  <td>${pipe.role ?? "–"}</td>
  <td>${pipe.snapshot === "none" ? "–" : `${snapshotWord(pipe)}, ${count(pipe.snapshotRows)} rows`}</td>
  <td class="number">${count(pipe.rowsSent.message)}</td>
  <td class="number">${count(pipe.backlog)}</td>
  <td class="number">${milliseconds(pipe.lagMs ?? undefined)}</td>
  <td class="number">${count(pipe.failures)}</td>
</tr>`;

const sourceRow = (source: PublicSource, at: number): Markup => html`<tr>
  <td class="name">${at + 1}</td>
  <td>${pill(source.state)}</td>
  <td class="number">${source.entries === null ? "–" : count(source.entries)}</td>
</tr>`;

/** In the place of the full `main`. */
export const renderPublicMain = (status: PublicStatus): Markup => html`<main>
<header><h1>Fustor Agent</h1>${pill(status.state)}</header>
<dl class="facts">
  ${fact("Up", duration(status.uptimeMs))}
  ${fact("Memory", megabytes(status.rssBytes))}
  ${fact("Of one core", `${status.cpu.percent.toFixed(1)} %`)}
  ${fact("Version", status.version)}
  ${descriptorTrouble(status.descriptors)}
</dl>
<p>Names and paths are shown at the address that <code>fustor-agent status</code> prints.</p>
<h2>Pipes</h2>
<div class="panel"><table>
  <thead><tr><th>Pipe</th><th>State</th><th>Role</th><th>Snapshot</th><th class="number">Live rows</th>
  <th class="number">Backlog</th><th class="number">Lag</th><th class="number">Failures</th></tr></thead>
  <tbody>${status.pipes.map(pipeRow)}</tbody>
</table></div>
<h2>Sources</h2>
<div class="panel"><table>
  <thead><tr><th>Source</th><th>State</th><th class="number">Entries</th></tr></thead>
  <tbody>${status.sources.map(sourceRow)}</tbody>
</table></div>
</main>`;
