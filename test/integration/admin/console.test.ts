/** The console in a browser, with an agent that is made up: each view, many pipes, hostile names, languages, sizes. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { AgentStatus, PipeReport } from "../../../src/agent/agent-status.ts";
import { openPage, type Page } from "../../support/browser.ts";
import { consoleOf, type MadeUp, pipeOf, SHOWN, STAGE_TOKEN, sourceOf } from "../../support/console-stage.ts";
import { PATIENCE } from "../../support/patience.ts";

let page: Page;
const ends: (() => void | Promise<void>)[] = [];
beforeAll(async () => {
  page = await openPage((end) => void ends.unshift(end));
}, 60_000 * PATIENCE);
afterAll(async () => {
  for (const end of ends) await end();
});

const has = (text: string): string => `document.body.innerText.includes(${JSON.stringify(text)})`;
const OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
const VIEWS = ["overview", "pipes", "sources", "tap", "log", "config", "health"] as const;

async function shown(madeUp: MadeUp): Promise<{ readonly origin: string; readonly close: () => Promise<void> }> {
  const stage = await consoleOf(madeUp);
  onTestFinished(stage.close);
  await page.goto(`${stage.origin}/#token=${madeUp.token ?? STAGE_TOKEN}`);
  await page.until("the views are there", `document.querySelector("nav a[aria-current]") !== null`);
  return stage;
}

const view = async (name: string): Promise<void> => {
  await page.evaluate(`location.hash = "#/${name}"`);
  await page.until(
    `the view ${name} is open`,
    `document.querySelector("nav a[aria-current]")?.hash === "#/${name.split("/")[0]}"`,
  );
};

/** `FUSTOR_SCREENSHOTS=/some/folder`: for a look by eye, and for docs/images. */
async function keep(name: string, size?: Parameters<Page["resize"]>): Promise<void> {
  const folder = process.env.FUSTOR_SCREENSHOTS;
  if (folder === undefined) return;
  if (size !== undefined) await page.resize(...size);
  // Charts take the colours of the scheme with the frame after next.
  await page.evaluate(`(async () => {
    for (let frame = 0; frame < 8; frame++) await new Promise(requestAnimationFrame);
  })()`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${name}.png`), await page.screenshot());
  await writeFile(join(folder, `${name}.webp`), await page.screenshot("webp"));
}

test("each view fits 1280 and 360 pixels, dark and light, and nothing is asked of others", async () => {
  await page.resize(1280, 900);
  const { origin } = await shown({
    status: () => SHOWN,
    own: {
      config: () => {
        throw new Error("made up");
      },
    },
  });
  await page.until("what is wrong comes first", `document.querySelector("main > *").id === "troubles"`);
  for (const [width, height] of [
    [1280, 900],
    [360, 740],
  ] as const) {
    await page.resize(width, height);
    for (const name of VIEWS) {
      await view(name);
      const canvases = `document.querySelectorAll("#charts canvas").length`;
      if (name === "overview") await page.until("charts are drawn", `${canvases} === 5`);
      expect(await page.evaluate<number>(OVERFLOW), `${name} at ${width}`).toBe(0);
      for (const scheme of ["light", "dark"] as const)
        await keep(`${name}-${width}-${scheme}`, [width, height, scheme]);
    }
  }
  expect(page.requests.filter((url) => !url.startsWith(origin) && !url.startsWith("data:"))).toEqual([]);
});

test("rates of now come from what was sent between two answers, and what flows is seen to flow", async () => {
  const begin = performance.now();
  const status = (): AgentStatus => {
    const message = Math.round((performance.now() - begin) * 0.412);
    const pipes = SHOWN.pipes.map((pipe) =>
      pipe.state === "running" ? { ...pipe, rowsSent: { ...pipe.rowsSent, message } } : pipe,
    );
    return { ...SHOWN, pipes };
  };
  await page.resize(1280, 900);
  await shown({ status });
  await page.until("two pipes flow", `document.querySelectorAll("#picture li:has(.moving)").length === 2`);
  await page.until("about 412 rows a second", `/\\b[34]\\d\\d\\/s · Lag/.test(document.body.innerText)`);
  for (const scheme of ["light", "dark"] as const) {
    await keep(`readme-1280-${scheme}`, [1280, 1300, scheme]);
    await keep(`readme-360-${scheme}`, [360, 1300, scheme]);
  }
});

test("it says what is wrong with the command that cures it, what is retried when, and how far bulk work is", async () => {
  await page.resize(1280, 900);
  await shown({ status: () => SHOWN });
  const troubles = `document.getElementById("troubles").innerText`;
  for (const text of ["/mnt/archive: no such directory", "fustor-agent confirm archive-files", "ECONNREFUSED"]) {
    await page.until(text, `${troubles}.includes(${JSON.stringify(text)})`);
  }
  await page.until("the limit that was spent", `${troubles}.includes("sysctl fs.inotify.max_user_watches=36044")`);
  await view("pipes/second-site");
  for (const text of ["in 32 s", "Failures in a row\n7", "5,120, oldest waits 42 s"]) await page.until(text, has(text));
  await view("pipes/scratch");
  await page.until("the snapshot", has("running, 3,104,000 of 9,000,000, 41,200/s, 2 min 23 s left"));
  await page.until("charts of the pipe", `document.querySelectorAll(".open canvas").length === 3`);
  await view("pipes/research");
  await page.until(
    "the sweep",
    has("hash: running, 61,000 of 204,233, 412/s, 76.0 GiB read, 180.0 MiB/s, 5 min 47 s left"),
  );
  await view("sources");
  for (const text of [
    "fanotify needs CAP_SYS_ADMIN",
    "21,845",
    "/run-4711/tiles",
    "8,192 of 8,192",
    "3 (EACCES): /private",
  ]) {
    await page.until(text, has(text));
  }
  await view("health");
  await page.until(
    "a check that failed stands first",
    `document.querySelector("#health tbody tr").innerText.startsWith("bad")`,
  );
  await page.until("and one that did not", has("File descriptors are left"));
});

test("a snapshot has the buttons of its state, and one that is paused is not forgotten", async () => {
  let snapshot: Partial<PipeReport> = { snapshot: "running" };
  const asked: string[] = [];
  const NEXT: Readonly<Record<string, Partial<PipeReport>>> = {
    pause: { snapshot: "paused", snapshotPausedForMs: 125_000 },
    resume: { snapshot: "running" },
    cancel: { snapshot: "cancelled" },
  };
  const pipe = () => pipeOf("p1", "s1", { snapshotRows: 5, snapshotExpectedRows: 10, ...snapshot });
  await page.resize(1280, 900);
  await shown({
    status: () => ({ ...SHOWN, pipes: [pipe()], sources: [sourceOf("s1", "/data")] }),
    own: {
      commandSnapshot: (id, command) => {
        asked.push(`${id} ${command}`);
        snapshot = NEXT[command] ?? {};
        return true;
      },
    },
  });
  await view("pipes/p1");
  const buttons = `[...document.querySelectorAll('[data-action^="snapshot"]')].map((each) => each.dataset.action).join(" ")`;
  const click = (action: string) => page.evaluate(`document.querySelector('[data-action="${action}"]').click()`);
  const offers = (what: string) => page.until(what, `${buttons} === ${JSON.stringify(what)}`);
  await offers("snapshot/pause snapshot/cancel");
  await click("snapshot/pause");
  await offers("snapshot/resume snapshot/cancel");
  await page.until("since when", has("paused, 5 of 10, for 2 min 5 s"));
  const troubles = (text: string): string => `document.getElementById("troubles")?.textContent.includes("${text}")`;
  await page.until("it is told", troubles("its snapshot has been paused for 2 min 5 s"));
  await page.until("and what to do", troubles("fustor-agent snapshot p1 --resume"));
  await page.evaluate(`[...document.querySelectorAll("button")].find((each) => each.textContent === "中文").click()`);
  await page.until("in Chinese", has("继续快照"));
  await page.until("since when, in Chinese", troubles("其快照已暂停"));
  await page.evaluate(
    `[...document.querySelectorAll("button")].find((each) => each.textContent === "English").click()`,
  );
  await click("snapshot/resume");
  await offers("snapshot/pause snapshot/cancel");
  await click("snapshot/cancel");
  await offers("snapshot");
  await page.until("it is cancelled", has("cancelled, 5 rows"));
  expect(asked).toEqual(["p1 pause", "p1 resume", "p1 cancel"]);
});

test("fifty pipes are found by a word, and one that has trouble is not hidden among them", async () => {
  const pipes = Array.from({ length: 50 }, (_, at) => pipeOf(`pipe-${at}`, "lab-files"));
  pipes[41] = { ...pipeOf("pipe-41", "lab-files"), state: "failed", info: "the pipe broke" };
  await page.resize(360, 740);
  await shown({ status: () => ({ ...SHOWN, pipes }) });
  await page.until(
    "the worst is the first of the picture",
    `document.querySelector("#picture .middle b").innerText === "pipe-41"`,
  );
  expect(await page.evaluate(`document.querySelectorAll("#picture li").length`)).toBe(12);
  await view("pipes");
  expect(await page.evaluate(`document.querySelectorAll("#pipes > li").length`)).toBe(50);
  expect(await page.evaluate<number>(OVERFLOW)).toBe(0);
  await page.evaluate(`document.getElementById("troubled").click()`);
  await page.until("one is left", `document.querySelectorAll("#pipes > li").length === 1 && ${has("pipe-41")}`);
  await page.evaluate(`document.getElementById("troubled").click()`);
  await page.evaluate(
    `(() => { const find = document.getElementById("find"); find.value = "pipe-1"; find.dispatchEvent(new Event("input", { bubbles: true })); })()`,
  );
  await page.until("eleven match", `document.querySelectorAll("#pipes > li").length === 11`);
});

test("text from outside never becomes markup, and a name of any length breaks no view", async () => {
  const evil = `<img src=x onerror="document.title='owned'">&'"/%2e${"x".repeat(300)}`;
  const status: AgentStatus = {
    ...SHOWN,
    home: evil,
    pipes: [
      pipeOf(evil, evil, {
        state: "failed",
        info: evil,
        lastError: evil,
        sender: { id: evil, driver: evil, uri: evil },
      }),
    ],
    sources: [
      sourceOf(evil, evil, { availability: { state: "unavailable", reason: evil }, notes: [evil], lostMounts: [evil] }),
    ],
  };
  await page.resize(360, 740);
  await shown({ status: () => status });
  for (const name of VIEWS) {
    await view(name === "pipes" ? `pipes/${encodeURIComponent(evil)}` : name);
    expect(await page.evaluate(`document.querySelectorAll("img").length`), name).toBe(0);
    expect(await page.evaluate<number>(OVERFLOW), name).toBe(0);
  }
  expect(await page.evaluate("document.title")).toBe("Fustor Agent");
});

test("with the keyboard alone a reader opens a view and a pipe", async () => {
  await page.resize(1280, 900);
  await shown({ status: () => SHOWN });
  const reach = async (what: string, isThere: string): Promise<void> => {
    for (let steps = 0; steps < 60; steps++) {
      if (await page.evaluate<boolean>(isThere)) return;
      await page.press("Tab");
    }
    throw new Error(`60 steps with Tab do not reach ${what}`);
  };
  await reach("the way to the pipes", `document.activeElement?.hash === "#/pipes"`);
  await page.press("Enter");
  await page.until("the pipes", `document.getElementById("pipes") !== null`);
  await reach("the first pipe", `document.activeElement?.closest("[data-pipe]") != null`);
  await page.press("Enter");
  await page.until("it is open", `document.querySelector("[data-pipe=research] .row").ariaExpanded === "true"`);
  await reach("its stop", `document.activeElement?.dataset.action === "stop"`);
  expect(await page.evaluate(`getComputedStyle(document.activeElement).outlineStyle`)).toBe("solid");
});

test("it speaks Chinese, and says so for the next time", async () => {
  await page.resize(1280, 900);
  const { origin } = await shown({ status: () => SHOWN });
  await page.evaluate(
    `[...document.querySelectorAll("header button")].find((each) => each.innerText === "中文").click()`,
  );
  await page.until("the views in Chinese", has("实时监听"));
  await page.goto(`${origin}/`);
  await page.until("still in Chinese", `${has("数据流向")} && document.documentElement.lang === "zh-CN"`);
  await keep("overview-chinese");
  await page.evaluate(`localStorage.removeItem("fustor-agent-language")`);
});

test("where nothing may be changed no button claims to, and the page says why", async () => {
  await shown({ status: () => SHOWN, isReadOnly: true });
  await view("pipes/research");
  await page.until("the reason", has("console.read_only"));
  expect(
    await page.evaluate(`[...document.querySelectorAll("[data-action]")].map((each) => each.dataset.action)`),
  ).toEqual(["tap"]);
  await view("config");
  await page.until("the reason", `document.getElementById("reload") === null && ${has("console.read_only")}`);
});

test("an agent without pipes has empty views, not broken ones", async () => {
  await shown({ status: () => ({ ...SHOWN, pipes: [], sources: [] }) });
  await page.until("nothing flows", has("No pipe is running."));
  await view("sources");
  await page.until("no source", has("No source is open."));
  await view("health");
  await page.until("nothing is wrong", has("Nothing is wrong."));
});

test("an agent that goes away is said to be away, and one that returns is shown again; with another token it asks", async () => {
  const first = await consoleOf({ status: () => SHOWN });
  const port = Number(new URL(first.origin).port);
  await page.goto(`${first.origin}/#token=${STAGE_TOKEN}`);
  await page.until("the page", has("/data/research"));
  await first.close();
  await page.until("it is away", `document.getElementById("lost")?.innerText.includes("has not answered")`);
  expect(await page.evaluate<boolean>(has("/data/research"))).toBe(true);
  await keep("lost-1280");
  const second = await consoleOf({ status: () => SHOWN, port });
  await page.until("it is back", `document.getElementById("lost") === null && ${has("/data/research")}`);
  await second.close();
  const third = await consoleOf({ status: () => SHOWN, port, token: "another-token-than-before" });
  onTestFinished(third.close);
  await page.until("the form for the token", `${has("That token is not the one")} && !${has("/data/research")}`);
});

test("no script of the page failed, and its policy refused nothing", () => {
  const own = page.complaints.filter((each) => !/status of (?:403|500)|ERR_CONNECTION_REFUSED/.test(each));
  expect(own).toEqual([]);
});
