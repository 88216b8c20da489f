import { appendFile, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { DeletedJournal } from "../../../../src/agent/state/deleted-journal.ts";
import { readJournal } from "../../../../src/agent/state/deleted-keys-text.ts";
import { type Logger, silentLogger } from "../../../../src/sdk/index.ts";
import type { DeletedKeys } from "../../../../src/sdk/state-store.ts";
import { freshFolder } from "../folder.ts";

const RECEIVER = "http://127.0.0.1:8102";

interface Room {
  readonly path: string;
  readonly warnings: string[];
  now: number;
  open(receiver?: string): DeletedJournal;
}

async function room(): Promise<Room> {
  const path = join(await freshFolder(), "deleted", "p1.journal");
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_facts, message) => warnings.push(message) };
  const made: Room = {
    path,
    warnings,
    now: 0,
    open: (receiver = RECEIVER) => {
      const journal = new DeletedJournal({ path, receiver, logger, now: () => made.now });
      onTestFinished(() => journal.close());
      return journal;
    },
  };
  return made;
}

const nothing: DeletedKeys = { keys: [], directories: [], everything: false };

test("nothing is known without a file, and no file is made before the first delete", async () => {
  const { path, open } = await room();
  expect(await open().load()).toEqual(nothing);
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a journal that was never closed tells the next run what was deleted and not lifted", async () => {
  const { path, open } = await room();
  const first = open();
  await first.load();
  first.note(["/a", "/b", "/c\nd"]);
  first.forget(["/b", "/never"]);
  first.note(["/e"]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await open().load()).toEqual({ ...nothing, keys: ["/a", "/c\nd", "/e"] });
});

test("directories and everything survive as they were replaced", async () => {
  const { open } = await room();
  const first = open();
  await first.load();
  first.note(["/d/a"]);
  first.replace({ keys: [], directories: ["/d"], everything: false });
  first.note(["/x"]);
  const second = open();
  expect(await second.load()).toEqual({ keys: ["/x"], directories: ["/d"], everything: false });
  second.replace({ keys: [], directories: [], everything: true });
  second.note(["/y"]);
  expect(await open().load()).toEqual({ ...nothing, everything: true });
});

test("another receiver knows nothing of the deletes", async () => {
  const { open } = await room();
  const first = open();
  await first.load();
  first.note(["/a"]);
  expect(await open("http://other:8102").load()).toEqual(nothing);
});

test("a line that was cut off is left out and the next ones are read", async () => {
  const { path, open } = await room();
  const first = open();
  await first.load();
  first.note(["/a"]);
  await appendFile(path, '["+","/to');
  const second = open();
  expect(await second.load()).toEqual({ ...nothing, keys: ["/a"] });
  second.note(["/b"]);
  expect(await open().load()).toEqual({ ...nothing, keys: ["/a", "/b"] });
});

test.each([
  ["empty", ""],
  ["binary", "\u0000\u0001\n\u0002\n"],
  ["of a later version", '{"version":9,"receiver":"x"}\n'],
  ["broken in the middle", `{"version":1,"receiver":"${RECEIVER}"}\n["+","/a"\n["+","/b"]\n`],
])("a journal that is %s means that nobody knows, until the pipe replaces it", async (_, damage) => {
  const { path, warnings, open } = await room();
  await mkdir(join(path, ".."));
  await writeFile(path, damage);
  const first = open();
  expect(await first.load()).toBeUndefined();
  expect(warnings).toHaveLength(1);
  expect(await readFile(`${path}.bad`, "utf8")).toBe(damage);
  const second = open();
  expect(await second.load()).toEqual({ ...nothing, everything: true });
  second.replace(nothing);
  second.note(["/a"]);
  expect(await open().load()).toEqual({ ...nothing, keys: ["/a"] });
});

test("the file does not grow with the history of keys that come and go", async () => {
  const { path, open } = await room();
  const journal = open();
  await journal.load();
  const keys = Array.from({ length: 1000 }, (_, index) => `/directory/with/a/long/name/file-${index}`);
  journal.note(["/stays"]);
  for (let round = 0; round < 200; round++) {
    journal.note(keys);
    journal.forget(keys);
    if (round % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await journal.close();
  expect((await stat(path)).size).toBeLessThan(10_000_000);
  expect(await open().load()).toEqual({ ...nothing, keys: ["/stays"] });
  expect((await stat(path)).size).toBeLessThan(200);
});

test("far too many keys become everything", async () => {
  const { open } = await room();
  const journal = open();
  await journal.load();
  journal.note(Array.from({ length: 250_001 }, (_, index) => `/${index}`));
  expect(await open().load()).toEqual({ ...nothing, everything: true });
});

test("a journal that cannot be written is said once and is whole again when it can", async () => {
  const made = await room();
  const blocker = join(made.path, "..");
  const journal = made.open();
  await journal.load();
  await writeFile(blocker, "a file where a folder should be");
  journal.note(["/a"]);
  journal.note(["/b"]);
  expect(made.warnings.filter((line) => line.includes("not on record"))).toHaveLength(1);
  await rm(blocker);
  made.now += 10_000;
  journal.note(["/c"]);
  expect(await made.open().load()).toEqual({ ...nothing, keys: ["/a", "/b", "/c"] });
});

test("any sequence of calls is told to the next run as it was", async () => {
  const key = fc.constantFrom("/a", "/b", "/d/c", "/d/é", "/\u201b");
  const keys = fc.array(key, { maxLength: 4 });
  const call = fc.oneof(
    keys.map((list) => ({ kind: "note", list }) as const),
    keys.map((list) => ({ kind: "forget", list }) as const),
    keys.map((list) => ({ kind: "replace", list }) as const),
    fc.constant({ kind: "restart" } as const),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 30 }), async (calls) => {
      const { open } = await room();
      let journal = open();
      await journal.load();
      let expected = new Set<string>();
      for (const each of calls) {
        if (each.kind === "note") journal.note(each.list);
        if (each.kind === "note") for (const one of each.list) expected.add(one);
        if (each.kind === "forget") journal.forget(each.list);
        if (each.kind === "forget") for (const one of each.list) expected.delete(one);
        if (each.kind === "replace") {
          journal.replace({ keys: each.list, directories: [], everything: false });
          expected = new Set(each.list);
        }
        if (each.kind === "restart") {
          journal = open();
          await journal.load();
        }
      }
      expect(new Set((await open().load())?.keys)).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});

test("any text is either understood or refused with a reason", () => {
  const line = fc.oneof(
    fc.string(),
    fc.jsonValue().map((value) => JSON.stringify(value)),
  );
  const text = fc.array(line).map((lines) => [`{"version":1,"receiver":"r"}`, ...lines].join("\n"));
  fc.assert(
    fc.property(fc.oneof(fc.string(), text), (written) => {
      const reading = readJournal(written);
      expect(reading.kind === "good" || reading.reason.length > 0).toBe(true);
    }),
  );
});
