/**
 * What the page does in a browser: it fetches a new `main` every two seconds, and with the token it acts, listens to
 * taps and reads the log over the admin API. The token comes from the address (`?token=`, `#token=`) or from the form,
 * leaves the address at once and stays in this tab's sessionStorage. It goes nowhere but into the header of requests.
 * Texts from the agent become text, never markup; `main` alone is markup, which the agent has escaped.
 */

const REFRESH_MS = 2000;
const MOST_LINES = 300;

export const PAGE_SCRIPT = `
const byId = (id) => document.getElementById(id);
const KEY = "fustor-agent-token";
let token = sessionStorage.getItem(KEY) ?? "";
const takeToken = () => {
  const given = [location.search, location.hash.slice(1)].map((text) => new URLSearchParams(text).get("token")).find(Boolean);
  if (given === undefined) return;
  token = given;
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
};
takeToken();
const headers = () => (token === "" ? {} : { authorization: "Bearer " + token });
const api = (path, options = {}) => fetch("/api/v1" + path, { cache: "no-store", ...options, headers: headers() });
const say = (text, isBad = false) => {
  byId("said").textContent = text;
  byId("said").className = isBad ? "error" : "";
};
const forget = (why) => {
  token = "";
  sessionStorage.removeItem(KEY);
  byId("unlock-note").textContent = why;
};
const arm = () => {
  document.body.classList.toggle("armed", token !== "");
  byId("desk").hidden = token === "";
  byId("unlock").hidden = token !== "";
};

const marker = (node) => node?.dataset?.action && JSON.stringify([node.dataset.pipe, node.dataset.action]);
const replaceMain = (next) => {
  const focused = marker(document.activeElement);
  document.querySelector("main").replaceWith(document.adoptNode(next));
  if (focused) [...document.querySelectorAll("main button")].find((each) => marker(each) === focused)?.focus();
  const pipes = [...document.querySelectorAll("main [data-name]")].map((each) => each.dataset.name);
  const choice = byId("tap-pipe");
  if (JSON.stringify([...choice.options].map((each) => each.value)) !== JSON.stringify(pipes)) {
    const kept = choice.value;
    choice.replaceChildren(...pipes.map((pipe) => new Option(pipe, pipe, false, pipe === kept)));
  }
};
const load = async () => {
  const signal = AbortSignal.timeout(${REFRESH_MS * 2});
  const answer = await fetch("/main", { cache: "no-store", headers: headers(), signal });
  if (answer.status === 403 && token !== "") {
    forget("That token is not the one of this run: fustor-agent status prints it.");
    arm();
    return load();
  }
  if (!answer.ok) throw new Error(String(answer.status));
  replaceMain(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main"));
};
const refresh = async () => {
  clearTimeout(refresh.timer);
  try {
    await load();
    document.body.classList.remove("lost");
  } catch {
    document.body.classList.add("lost");
  }
  refresh.timer = setTimeout(refresh, ${REFRESH_MS});
};

const outcomeText = (name, body) => {
  const failed = (body.pipes ?? []).find((each) => each.failure);
  return failed ? name + ": " + failed.pipe + ": " + failed.failure : name + ": done";
};
const act = async (name, path) => {
  say(name + " ...");
  try {
    const answer = await api(path, { method: "POST" });
    const body = await answer.json();
    if (answer.ok) say(outcomeText(name, body));
    else say(name + ": " + body.error.message, true);
  } catch (error) {
    say(name + ": " + error, true);
  }
  refresh();
};
const NEEDS_YES = new Set(["stop", "restart"]);
document.addEventListener("click", (event) => {
  const { pipe, action, path } = event.target.closest("button[data-action]")?.dataset ?? {};
  if (action === undefined) return;
  const name = action + " " + pipe;
  if (NEEDS_YES.has(path) && !confirm(name + "?")) return;
  if (path === "tap") {
    byId("tap-pipe").value = pipe;
    byId("tap-panel").open = true;
    byId("tap-form").requestSubmit();
    byId("tap-panel").scrollIntoView({ block: "nearest" });
  } else act(name, "/pipes/" + encodeURIComponent(pipe) + "/" + path);
});

const addLine = (list, text, kind = "") => {
  const line = document.createElement("li");
  line.textContent = text;
  line.className = kind;
  list.prepend(line);
  while (list.childElementCount > ${MOST_LINES}) list.lastElementChild.remove();
};
async function* events(path, signal) {
  const answer = await api(path, { signal });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  let rest = "";
  for (const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\\n\\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const member = (name) => block.split("\\n").find((line) => line.startsWith(name + ": "))?.slice(name.length + 2);
      if (member("event")) yield { event: member("event"), data: JSON.parse(member("data")) };
    }
  }
}
const stream = (formId, listId, pathOf, show) => {
  const [form, list] = [byId(formId), byId(listId)];
  const button = form.querySelector("button");
  const words = button.dataset;
  let running;
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    const wasRunning = running !== undefined && submit.submitter !== null;
    running?.abort();
    if (wasRunning) return;
    const own = new AbortController();
    running = own;
    button.textContent = words.stop;
    try {
      for await (const each of events(await pathOf(new FormData(form), list), own.signal)) show(list, each);
      addLine(list, "the agent ended the stream", "error");
    } catch (error) {
      if (!own.signal.aborted) addLine(list, String(error.message ?? error), "error");
    }
    if (running !== own) return;
    running = undefined;
    button.textContent = words.start;
  });
};
const clock = (at) => new Date(at).toLocaleTimeString();
stream("tap-form", "tap-lines", (form) => {
  const query = new URLSearchParams();
  if (form.get("filter")) query.set("filter", form.get("filter"));
  return "/pipes/" + encodeURIComponent(form.get("pipe")) + "/tap?" + query;
}, (list, { event, data }) => {
  if (event === "listening") addLine(list, "listening to " + data.pipe);
  if (event === "left-out") addLine(list, data.count + " changes left out: too many", "error");
  if (event !== "change") return;
  const size = data.row.size === undefined || data.row.is_directory ? "" : "  " + data.row.size + " B";
  addLine(list, clock(data.at) + "  " + data.op + "  " + data.key + size, data.op);
});
const logText = ({ time, level, msg, pid: _pid, ...facts }) =>
  clock(time) + "  " + level.toUpperCase() + "  " + msg +
  Object.entries(facts).map(([name, value]) => "  " + name + "=" + (typeof value === "string" ? value : value?.message ?? JSON.stringify(value))).join("");
const showLog = (list, line) => {
  const text = logText(line);
  const wanted = byId("log-text").value.toLowerCase();
  if (wanted === "" || text.toLowerCase().includes(wanted)) addLine(list, text, line.level === "info" || line.level === "debug" ? "" : "error");
};
stream("log-form", "log-lines", async (form, list) => {
  const query = new URLSearchParams({ level: form.get("level"), text: form.get("text") });
  const answer = await api("/logs?" + query);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  list.replaceChildren();
  for (const line of body.lines) showLog(list, line);
  return "/events?kinds=log&after=" + body.lastId + "&level=" + form.get("level");
}, (list, { event, data }) => {
  if (event === "log") showLog(list, data);
});

const showPlan = (list, { pipes, notes }) => {
  list.replaceChildren();
  for (const note of notes) addLine(list, note, "error");
  for (const { pipe, action, reasons } of [...pipes].reverse())
    addLine(list, [action, pipe, ...reasons].join("  "), action === "unchanged" ? "" : "update");
  if (pipes.length === 0) addLine(list, "no pipe is to run");
};
byId("preview").addEventListener("click", async () => {
  const list = byId("plan-lines");
  try {
    const answer = await api("/reload");
    const body = await answer.json();
    byId("reload").disabled = !answer.ok;
    if (answer.ok) showPlan(list, body);
    else {
      list.replaceChildren();
      for (const line of body.error.message.split("\\n").reverse()) addLine(list, line, "error");
    }
  } catch (error) {
    say(String(error), true);
  }
});
byId("reload").addEventListener("click", () => act("reload", "/reload"));
byId("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  byId("token").value = "";
  byId("unlock-note").textContent = "";
  if (token !== "") sessionStorage.setItem(KEY, token);
  arm();
  refresh();
});
byId("lock").addEventListener("click", () => {
  forget("");
  location.replace(location.pathname);
});
addEventListener("hashchange", () => {
  takeToken();
  arm();
  refresh();
});
arm();
refresh();
`;
