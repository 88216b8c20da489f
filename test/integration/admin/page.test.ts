/** The console in a browser, with a real agent behind it: each action, the streams, the reload, the token. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AdminScene, adminScene, echoConfig, TOKEN } from "../../support/admin-api.ts";
import { openPage, type Page } from "../../support/browser.ts";

const has = (text: string): string => `document.body.innerText.includes(${JSON.stringify(text)})`;

const click = async (page: Page, action: string): Promise<void> => {
  const button = `document.querySelector('[data-action="${action}"]')`;
  await page.until(`the button ${action}`, `${button} !== null`);
  await page.evaluate(`${button}.click()`);
};

const stateOf = ({ agent }: AdminScene) => agent.status().pipes[0]?.state;

const open = (page: Page, view: string): Promise<unknown> => page.evaluate(`location.hash = "#/${view}"`);

/** As a reader does it: the page hears of no change that a script makes. */
const type = (page: Page, id: string, text: string): Promise<unknown> =>
  page.evaluate(`(() => {
    const field = document.getElementById("${id}");
    field.value = ${JSON.stringify(text)};
    field.dispatchEvent(new Event("input", { bubbles: true }));
  })()`);

async function unlock(page: Page, token: string): Promise<void> {
  await page.until("the form for the token", `document.getElementById("unlock") !== null`);
  await type(page, "token", token);
  await page.until("it is typed", `document.getElementById("token").value === ${JSON.stringify(token)}`);
  await page.evaluate(`document.getElementById("unlock").requestSubmit()`);
}

/** What the sweep before leaves behind may refuse the next one for a moment. */
async function begins(page: Page, action: string, done: string): Promise<void> {
  const said = `document.getElementById("said")?.textContent`;
  await page.until(
    `${action} begins`,
    `${said}?.includes(${JSON.stringify(done)}) ||
      (${said}?.endsWith("…") || document.querySelector('[data-action="${action}"]').click(), false)`,
  );
}

async function actsOnPipes(page: Page, scene: AdminScene): Promise<void> {
  await open(page, "pipes/p1");
  await click(page, "stop");
  await page.until("that is told first", `document.getElementById("troubles")?.innerText.includes("1")`);
  await page.until("what is wrong", `document.getElementById("troubles").textContent.includes("Pipe p1: stopped")`);
  expect(stateOf(scene)).toBe("stopped");
  await click(page, "start");
  await page.until("the pipe runs again", `!document.getElementById("troubles") && ${has("leading")}`);
  await page.until("its snapshot is complete", has("complete, 2 rows"));
  await click(page, "restart");
  await page.until("it was started anew", has("Restart p1: done"));
  await page.until("its snapshot is complete", has("complete, 2 rows"));
  await click(page, "snapshot");
  await page.until("the snapshot has begun", has("Send a snapshot p1: done"));
  for (const command of ["pause", "resume", "cancel"]) {
    await click(page, `audit/${command}`);
    await page.until("what cannot be done is told", has("no sweep runs"));
  }
  for (const [mode, name] of [
    ["names", "Audit names"],
    ["stat", "Audit stat"],
    ["hash", "Audit contents"],
  ] as const) {
    await begins(page, `audit/start?mode=${mode}`, `${name} p1: done`);
    await page.until("the sweep ran", has(`${mode}: complete`));
  }
  await click(page, "sentinel");
  await page.until("there is an answer", has("Ask for suspects p1: "));
}

async function listens(page: Page, scene: AdminScene): Promise<void> {
  await click(page, "tap");
  await page.until("the tap listens", has("listening to p1"));
  await writeFile(join(scene.root, "d", "<img src=x onerror=alert(1)>"), "x");
  await page.until("the change is shown as text", has("/d/<img src=x onerror=alert(1)>"));
  await page.evaluate(`document.getElementById("tap-form").requestSubmit()`);
  await page.until("the tap ends", has("Listen"));
  await type(page, "tap-filter", "*.csv");
  await page.evaluate(`document.getElementById("tap-form").requestSubmit()`);
  await page.until(
    "it listens again",
    `document.getElementById("tap-lines").innerText.split("listening to").length === 3`,
  );
  await writeFile(join(scene.root, "d", "not-this.txt"), "x");
  await writeFile(join(scene.root, "d", "this.csv"), "x");
  await page.until("what matches", has("/d/this.csv"));
  expect(await page.evaluate<boolean>(has("not-this"))).toBe(false);
  await open(page, "log");
  await page.until("the log", `document.getElementById("log-form") !== null`);
  await page.evaluate(`document.getElementById("log-form").requestSubmit()`);
  await page.until("lines of the log", has("asked by an operator"));
}

async function reloads(page: Page, scene: AdminScene): Promise<void> {
  await scene.configure(echoConfig(scene.root).replace("enabled: true}", "enabled: true, batch_size: 7}"));
  await open(page, "config");
  await page.until("the configuration that runs", has("auditIntervalMs"));
  expect(await page.evaluate<boolean>(`document.getElementById("reload").disabled`)).toBe(true);
  await page.evaluate(`document.getElementById("preview").click()`);
  await page.until("what it does with pipes", has("p1: restarted, batch_size"));
  await page.until("the difference", `document.getElementById("changes").innerText.includes("pipes.p1.batchEvents")`);
  expect(await page.evaluate<string>(`document.querySelector("#changes tbody tr").innerText`)).toMatch(/not there\s+7/);
  await page.evaluate(`document.getElementById("reload").click()`);
  await page.until("the reload is done", has("Reload: done"));
  await scene.configure("pipes: [");
  await page.evaluate(`document.getElementById("preview").click()`);
  await page.until("what is wrong with the files", has("The files are refused"));
  expect(await page.evaluate<boolean>(`document.getElementById("reload").disabled`)).toBe(true);
}

test("the page acts, listens, reloads and reads the log with the token, and without it shows counts alone", async () => {
  const scene = await adminScene();
  const page = await openPage();
  await page.resize(1280, 900);
  await page.goto(scene.url.origin);
  await page.until("counts", has("Without a token"));
  expect(await page.evaluate<string>("document.body.innerText")).not.toContain("p1");
  await unlock(page, "wrong, too");
  await page.until("a wrong token is told", has("That token is not the one"));
  await unlock(page, TOKEN);
  await page.until("names are shown", has(scene.root));
  expect(await page.evaluate<string>("location.href")).toBe(`${scene.url.origin}/`);

  await actsOnPipes(page, scene);
  await listens(page, scene);
  await reloads(page, scene);

  await page.evaluate(`document.getElementById("forget").click()`);
  await page.until("without the token nothing has a name", `!document.body.innerText.includes("p1")`);
  await page.goto(`${scene.url.origin}/#token=${TOKEN}`);
  await page.until("the token has left the address", `!location.hash.includes("token")`);
  await page.until("names are shown", has(scene.root));
  expect(page.requests.filter((url) => !url.startsWith(scene.url.origin) && !url.startsWith("data:"))).toEqual([]);
  expect(page.requests.filter((url) => url.includes(TOKEN))).toEqual([]);
  expect(page.complaints.filter((each) => !/status of (?:40[39]|422)/.test(each))).toEqual([]);
});
