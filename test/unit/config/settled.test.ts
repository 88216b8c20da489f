import { mkdir, rm, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { untilConfigSettled } from "../../../src/config/settled.ts";
import { createTempFolder } from "../../support/temp-tree.ts";
import { lasting } from "../../support/wait-for.ts";

async function homeWith(text: string) {
  const home = createTempFolder("settled");
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  await mkdir(join(home, "agent-config"));
  const file = join(home, "agent-config", "default.yaml");
  await writeFile(file, text);
  return { file, options: { env: { FUSTOR_HOME: home }, cwd: home } };
}

test("a file that is written again and again is waited for until it rests", async () => {
  const { file, options } = await homeWith("");
  let writing = true;
  const writer = (async () => {
    for (let i = 0; i < 10; i++) {
      await writeFile(file, `# ${i}`);
      await lasting(50, "the pace of the writer");
    }
    writing = false;
  })();
  await untilConfigSettled(options);
  expect(writing).toBe(false);
  await writer;
});

test("one that never rests does not hold a reload up for ever", async () => {
  const { file, options } = await homeWith("");
  const over = new AbortController();
  const writer = (async () => {
    while (!over.signal.aborted) {
      await writeFile(file, "# again");
      await lasting(20, "the pace of the writer");
    }
  })();
  await untilConfigSettled(options);
  over.abort();
  await writer;
});

test("without a file, and with a time far in the future, nothing is waited for", async () => {
  const { file, options } = await homeWith("pipes: []");
  await utimes(file, 4_000_000_000, 4_000_000_000);
  await untilConfigSettled(options);
  await rm(file);
  await untilConfigSettled(options);
});
