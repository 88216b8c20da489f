/** The parts of the page that only the script uses: the form for the token, and what acts and listens. */
import { html } from "hono/html";
import type { Markup } from "./page.ts";

const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Hidden until the script runs: without it nothing here works. */
export const renderDesk = (): Markup => html`<form id="unlock" class="bar" hidden>
  <label>Token <input id="token" type="password" autocomplete="off" required></label>
  <button>Show everything</button>
  <span id="unlock-note" class="error"></span>
</form>
<section id="desk" hidden>
  <p id="said" role="status"></p>
  <details id="tap-panel" class="panel">
    <summary>Tap: what a pipe sends, as it takes it</summary>
    <form id="tap-form" class="bar">
      <label>Pipe <select id="tap-pipe" name="pipe"></select></label>
      <label>Paths <input name="filter" placeholder="*.csv, /a/**" maxlength="256"></label>
      <button data-start="Listen" data-stop="Stop listening">Listen</button>
    </form>
    <ul id="tap-lines" class="lines"></ul>
  </details>
  <details id="log-panel" class="panel">
    <summary>Log</summary>
    <form id="log-form" class="bar">
      <label>Level <select name="level">${LEVELS.map((level) => html`<option${level === "info" ? html` selected` : ""}>${level}</option>`)}</select></label>
      <label>Text <input id="log-text" name="text" maxlength="200"></label>
      <button data-start="Follow" data-stop="Stop following">Follow</button>
    </form>
    <ul id="log-lines" class="lines"></ul>
  </details>
  <details id="plan-panel" class="panel">
    <summary>Reload the configuration</summary>
    <div class="bar">
      <button id="preview" type="button">Preview</button>
      <button id="reload" type="button" disabled>Reload</button>
    </div>
    <ul id="plan-lines" class="lines"></ul>
  </details>
  <p><button id="lock" type="button">Forget the token</button></p>
</section>`;
