import { mkdir, readFile, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DeadLetterFile } from "../../../../src/agent/state/dead-letter-file.ts";
import { type Logger, silentLogger } from "../../../../src/sdk/index.ts";
import { freshFolder } from "../folder.ts";

const options = (path: string, logger: Logger = silentLogger) => ({ path, logger, wallClock: () => 0 });
const refusal = { key: "/a", phase: "message", reason: "422: too odd", row: '{"path":"/a","size":1}' } as const;

const linesOf = async (path: string): Promise<unknown[]> =>
  (await readFile(path, "utf8"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);

test("a refused row is kept with time, phase, key, reason and itself, for the owner only", async () => {
  const path = join(await freshFolder(), "dead-letter", "p1.jsonl");
  const file = new DeadLetterFile(options(path));
  file.add(refusal);
  file.add({ key: "/b", phase: "snapshot", reason: "no", row: "{broken" });
  await file.close();
  expect(await linesOf(path)).toEqual([
    { time: "1970-01-01T00:00:00.000Z", ...refusal, row: { path: "/a", size: 1 } },
    { time: "1970-01-01T00:00:00.000Z", key: "/b", phase: "snapshot", reason: "no", row_text: "{broken" },
  ]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test("a full file becomes the older one and the newest rows are never lost", async () => {
  const path = join(await freshFolder(), "p1.jsonl");
  const file = new DeadLetterFile({ ...options(path), maxBytes: 1000 });
  for (let index = 0; index < 100; index++) file.add({ ...refusal, key: `/${index}` });
  await file.close();
  const [newer, older] = [await linesOf(path), await linesOf(`${path}.1`)];
  expect((await stat(path)).size).toBeLessThanOrEqual(1000);
  expect((await stat(`${path}.1`)).size).toBeLessThanOrEqual(1000);
  const keys = [...older, ...newer].map((line) => (line as { key: string }).key);
  expect(keys.at(-1)).toBe("/99");
  expect(keys).toEqual(Array.from({ length: keys.length }, (_, index) => `/${100 - keys.length + index}`));
});

test("rows beyond what may wait are counted in the next line instead", async () => {
  const path = join(await freshFolder(), "p1.jsonl");
  const file = new DeadLetterFile(options(path));
  const row = JSON.stringify("x".repeat(60_000));
  for (let index = 0; index < 80; index++) file.add({ ...refusal, row });
  await file.close();
  file.add(refusal);
  await file.close();
  const lines = await linesOf(path);
  expect(lines.length).toBeLessThan(80);
  expect(lines.at(-1)).toMatchObject({ key: "/a", rows_not_kept_before: 80 - (lines.length - 1) });
});

test("a file that cannot be written is said once and used again when it can", async () => {
  const folder = await freshFolder();
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_facts, message) => warnings.push(message) };
  await mkdir(join(folder, "p1.jsonl"));
  const file = new DeadLetterFile(options(join(folder, "p1.jsonl"), logger));
  file.add(refusal);
  await file.close();
  file.add(refusal);
  await file.close();
  expect(warnings).toHaveLength(1);
  await rmdir(join(folder, "p1.jsonl"));
  file.add(refusal);
  await file.close();
  expect(await linesOf(join(folder, "p1.jsonl"))).toHaveLength(1);
});
