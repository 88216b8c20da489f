/** The status page in a browser, with a real agent behind it. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AdminScene, adminScene, echoConfig, TOKEN } from "../../support/admin-api.ts";
import { openPage, type Page } from "../../support/browser.ts";

const click = (page: Page, action: string): Promise<unknown> =>
  page.evaluate(`document.querySelector('main button[data-action="${action}"]').click()`);

const has = (text: string): string => `document.body.innerText.includes(${JSON.stringify(text)})`;

/** For a look by eye: `FUSTOR_SCREENSHOTS=/some/folder`. */
async function keep(page: Page, name: string): Promise<void> {
  const folder = process.env.FUSTOR_SCREENSHOTS;
  if (folder !== undefined) await writeFile(join(folder, `${name}.png`), await page.screenshot());
}

const stateOf = ({ agent }: AdminScene) => agent.status().pipes[0]?.state;

test("the page acts, listens and reads the log with the token, and without it shows counts alone", async () => {
  const scene = await adminScene();
  const page = await openPage();
  await page.resize(1280, 900);
  await page.goto(scene.url.origin);
  await page.until("the form for the token", `!document.getElementById("unlock").hidden`);
  expect(await page.evaluate<string>("document.body.innerText")).not.toContain("p1");
  await keep(page, "stranger-1280");

  await page.evaluate(
    `(token.value = "wrong, too", document.getElementById("unlock").requestSubmit())`.replace(
      "token.value",
      `document.getElementById("token").value`,
    ),
  );
  await page.until("a wrong token is told", has("That token is not the one"));
  await page.evaluate(
    `(document.getElementById("token").value = "${TOKEN}", document.getElementById("unlock").requestSubmit())`,
  );
  await page.until("names are shown", has(scene.root));
  expect(await page.evaluate<string>("location.href")).toBe(`${scene.url.origin}/`);
  expect(await page.evaluate<boolean>(`document.getElementById("desk").hidden`)).toBe(false);

  await click(page, "stop");
  await page.until(
    "the pipe is stopped, and that is told first",
    `document.querySelector(".wrong")?.innerText.includes("pipe p1 is stopped")`,
  );
  expect(stateOf(scene)).toBe("stopped");
  await keep(page, "stopped-1280");
  await click(page, "start");
  await page.until("the pipe runs again", `!document.querySelector(".wrong") && ${has("leading")}`);
  await page.until("its snapshot is complete", has("complete, 2 rows"));
  await click(page, "snapshot");
  await page.until("the snapshot has begun", has("snapshot p1: done"));
  await click(page, "cancel audit");
  await page.until("what cannot be done is told", has("no sweep runs"));

  await click(page, "tap");
  await page.until("the tap listens", has("listening to p1"));
  await writeFile(join(scene.root, "d", "<img src=x onerror=alert(1)>"), "x");
  await page.until("the change is shown as text", has("/d/<img src=x onerror=alert(1)>"));
  await page.evaluate(
    `(document.getElementById("log-panel").open = true, document.getElementById("log-form").requestSubmit())`,
  );
  await page.until("lines of the log", has("asked by an operator"));

  await scene.configure(echoConfig(scene.root).replace("enabled: true}", "enabled: true, batch_size: 7}"));
  await page.evaluate(
    `(document.getElementById("plan-panel").open = true, document.getElementById("preview").click())`,
  );
  await page.until("the preview of the reload", has("restarted  p1  batch_size"));
  await keep(page, "armed-1280");
  await page.evaluate(`document.getElementById("reload").click()`);
  await page.until("the reload is done", has("reload: done"));

  for (const scheme of ["light", "dark"] as const) {
    await page.resize(360, 740, scheme);
    const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    expect(await page.evaluate<number>(overflow)).toBe(0);
    await keep(page, `armed-360-${scheme}`);
  }
  await page.goto(`${scene.url.origin}/#token=${TOKEN}`);
  await page.until("the token has left the address", `location.hash === ""`);
  await page.until("names are shown", has(scene.root));
  expect(page.requests.filter((url) => !url.startsWith(scene.url.origin) && !url.startsWith("data:"))).toEqual([]);
  expect(page.requests.filter((url) => url.includes(TOKEN))).toEqual([]);
  const complaints = page.complaints.filter((each) => !/status of 40[39]/.test(each));
  expect(complaints).toEqual([]);
});
