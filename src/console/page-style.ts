/** The look of the status page: system fonts, light and dark, nothing loaded from anywhere. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ground: #f6f7f9; --card: #fff; --line: #e2e6ea; --ink: #1c2430; --faint: #667182;
  --good: #12805c; --busy: #1d63c9; --wait: #a15c00; --bad: #c02b2b; --idle: #667182; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #10141a; --card: #181e26; --line: #29323d; --ink: #e6ebf1; --faint: #93a0b0;
    --good: #43c59a; --busy: #6aa6ff; --wait: #e5a443; --bad: #ff7b76; --idle: #93a0b0; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", sans-serif; }
main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.5rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1rem; padding: 1.75rem 0 1.25rem; }
h1 { font-size: 1.35rem; font-weight: 650; margin: 0; letter-spacing: -.01em; }
h2 { font-size: .8rem; font-weight: 600; margin: 2rem 0 .6rem; color: var(--faint); letter-spacing: .06em;
  text-transform: uppercase; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0; }
.facts div, .panel { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.facts div { padding: .7rem .9rem; min-width: 0; }
dt { font-size: .75rem; color: var(--faint); }
dd { margin: 0; font-size: 1.05rem; font-weight: 550; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts .wide { grid-column: span 2; }
.facts .wide dd { font-size: .9rem; font-weight: 450; }
.panel { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-size: .75rem; font-weight: 550; color: var(--faint); white-space: nowrap; }
th, td { padding: .6rem .9rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tbody:last-child tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.detail td { padding-top: 0; color: var(--faint); font-size: .88rem; overflow-wrap: anywhere; }
.with-detail td { border-bottom: 0; padding-bottom: .25rem; }
.name { font-weight: 600; white-space: nowrap; }
.error { color: var(--bad); }
.pill { display: inline-flex; align-items: center; gap: .45em; padding: .1em .7em; border-radius: 99px; font-size: .8rem;
  font-weight: 600; white-space: nowrap; color: var(--tone); background: color-mix(in srgb, var(--tone) 13%, transparent); }
.pill::before { content: ""; width: .5em; height: .5em; border-radius: 50%; background: currentColor; }
.good { --tone: var(--good); } .busy { --tone: var(--busy); } .wait { --tone: var(--wait); }
.bad { --tone: var(--bad); } .idle { --tone: var(--idle); }
progress { width: 7rem; height: .45rem; accent-color: var(--busy); display: block; margin-top: .25rem; }
.empty { padding: 1rem; color: var(--faint); }
#unlock, #desk { max-width: 76rem; margin: 0 auto; }
#unlock, #desk { padding: 1rem 1.5rem 0; }
.wrong { border-color: var(--bad); margin-bottom: .75rem; }
.wrong ul { margin: .6rem 0; padding-left: 2rem; color: var(--bad); overflow-wrap: anywhere; }
.actions { display: none; flex-wrap: wrap; gap: .35rem; padding-top: .5rem; position: sticky; left: .9rem;
  width: fit-content; max-width: calc(100vw - 5rem); }
.armed .actions { display: flex; }
button, select, input { font: inherit; font-size: .85rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--line); border-radius: .4rem; padding: .25rem .6rem; max-width: 100%; }
button { cursor: pointer; } button:hover { border-color: var(--busy); } button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 2px solid var(--busy); outline-offset: 1px; }
.bar { display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: end; padding: .2rem .9rem .8rem; }
.bar[hidden] { display: none; }
.bar label { display: grid; font-size: .75rem; color: var(--faint); min-width: 0; }
details.panel { margin-top: .6rem; } summary { padding: .6rem .9rem; cursor: pointer; font-weight: 600; }
.lines { list-style: none; margin: 0; padding: 0 .9rem .6rem; max-height: 22rem; overflow: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .8rem/1.5 ui-monospace, monospace; }
.lines:empty { display: none; } .lines .delete { color: var(--wait); } .lines .update { color: var(--busy); }
#said { min-height: 1.5em; margin: .2rem 0; overflow-wrap: anywhere; }
footer { color: var(--faint); font-size: .8rem; padding-top: 1.5rem; padding-bottom: 2rem; }
a { color: var(--busy); }
#lost { display: none; }
.lost #lost { display: inline-flex; }
.lost main > :not(header) { opacity: .45; }
`;
