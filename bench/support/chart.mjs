/** A result as a page of its own: bars and a table, nothing loaded from anywhere. */
import { writeFileSync } from "node:fs";

const markup = (text) =>
  String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6b7c; --bar: #9fb3c8; --ours: #0b7285; --line: #d5dde5; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf0; --soft: #9aa9b8; --bar: #4a5d70; --ours: #3bc9db; --line: #33414f; --paper: #12181f }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto; max-width: 62rem; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
p { color: var(--soft) }
.bars { display: grid; grid-template-columns: max-content 1fr; gap: .35rem .8rem; align-items: center }
.bar { display: flex; align-items: center; gap: .5rem }
.bar i { display: block; height: 1.05rem; border-radius: 2px; background: var(--bar); min-width: 2px }
.ours + .bar i { background: var(--ours) } .ours { font-weight: 600 }
.bar span { color: var(--soft); white-space: nowrap; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; margin-top: 1rem; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line) }
svg { width: 100%; border-left: 1px solid var(--line); border-bottom: 1px solid var(--line) }
polyline { fill: none; stroke: var(--ours); stroke-width: 1.5 }
th { font-weight: 600; color: var(--soft) }
`;

/** `bars`: `{ label, value, text, ours }`, longer is slower. The longest takes 75 % of the width. */
function barsOf(bars) {
  const longest = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ label, value, text, ours }) => {
    const width = ((value / longest) * 75).toFixed(2);
    return `<div${ours ? ' class="ours"' : ""}>${markup(label)}</div><div class="bar"><i style="width:${width}%"></i><span>${markup(text)}</span></div>`;
  });
  return `<div class="bars">${lines.join("\n")}</div>`;
}

function tableOf([head, ...rows]) {
  const cells = (tag, row) => `<tr>${row.map((cell) => `<${tag}>${markup(cell)}</${tag}>`).join("")}</tr>`;
  return `<table>${cells("th", head)}\n${rows.map((row) => cells("td", row)).join("\n")}</table>`;
}

/** `lines`: `{ points: [[x, y], ...], x, y }` with what the axes show; x begins at 0, y a little below the least. */
function linesOf({ points, x, y }) {
  const [width, height] = [900, 240];
  const ys = points.map(([, value]) => value);
  const [least, most] = [Math.min(...ys) * 0.95, Math.max(...ys) * 1.02];
  const last = points.at(-1)[0];
  const place = ([across, up]) =>
    `${((across / last) * width).toFixed(1)},${(height - ((up - least) / (most - least)) * height).toFixed(1)}`;
  const from = `${markup(y)}: ${least.toFixed(1)} to ${most.toFixed(1)}; ${markup(x)}: 0 to ${last.toFixed(1)}`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${from}"><polyline points="${points.map(place).join(" ")}"/></svg><p>${from}</p>`;
}

/** `sections`: `{ title, note?, bars?, lines?, rows? }`. Writes the page beside the JSON file and returns its path. */
export function writePage(jsonPath, { title, where, sections }) {
  const parts = sections.map(
    ({ title: heading, note, bars, lines, rows }) =>
      `<h2>${markup(heading)}</h2>${bars ? barsOf(bars) : ""}${lines ? linesOf(lines) : ""}${note ? `<p>${markup(note)}</p>` : ""}${rows ? tableOf(rows) : ""}`,
  );
  const path = jsonPath.replace(/\.json$/, ".html");
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${markup(title)}</title><style>${STYLE}</style><h1>${markup(title)}</h1><p>${markup(where)}</p>
${parts.join("\n")}</html>\n`;
  writeFileSync(path, page);
  return path;
}
