import { expect, test } from "vitest";
import { Journal } from "../../../src/admin/journal.ts";
import { levelOf, logLinesFrom } from "../../../src/admin/log-lines.ts";

const filled = (count: number, bounds = { maxEntries: 100, maxLength: 10_000 }): Journal => {
  const journal = new Journal(5, bounds);
  for (let at = 1; at <= count; at++) journal.append("log", `{"level":"info","at":${at}}`);
  return journal;
};

test("ids grow by one from the microseconds of the start", () => {
  const { entries } = filled(3).after(5000, 10);
  expect(entries.map(({ id }) => id)).toEqual([5001, 5002, 5003]);
});

test("a reader that goes on where it was misses nothing, and gets no more than it asks for", () => {
  const journal = filled(30);
  const first = journal.after(5000, 20);
  const second = journal.after(first.entries.at(-1)?.id ?? 0, 20);
  expect([first.entries.length, second.entries.length]).toEqual([20, 10]);
  expect([first.missed, second.missed]).toEqual([false, false]);
  expect(journal.after(journal.lastId, 20)).toEqual({ entries: [], missed: false });
});

test("a reader whose place is gone is told, and gets the oldest that is left", () => {
  const journal = filled(250);
  const part = journal.after(5001, 500);
  expect(part.missed).toBe(true);
  expect(part.entries.length).toBeLessThanOrEqual(100);
  expect(part.entries.at(-1)?.id).toBe(5250);
});

test.each([[1], [9_999_999]])("the id %i of another run counts as long ago", (id) => {
  expect(filled(3).after(id, 10)).toMatchObject({ missed: true, entries: { length: 3 } });
});

test("long texts are bounded in sum, and the newest always stays", () => {
  const journal = new Journal(5, { maxEntries: 1000, maxLength: 1000 });
  for (let at = 0; at < 50; at++) journal.append("log", "x".repeat(300));
  expect(journal.after(journal.lastId - 3, 10)).toMatchObject({ missed: false, entries: { length: 3 } });
  expect(journal.after(journal.lastId - 5, 10).missed).toBe(true);
  journal.append("log", "y".repeat(5000));
  expect(journal.newest(10, () => true).at(-1)?.text).toHaveLength(5000);
});

test("a wait ends with the next entry, with its time, and with its signal", async () => {
  const journal = filled(1);
  const abort = new AbortController();
  const soon = journal.changed(journal.lastId, 60_000, abort.signal);
  journal.append("pipe", "{}");
  await soon;
  await journal.changed(journal.lastId, 1, abort.signal);
  const last = journal.changed(journal.lastId, 60_000, abort.signal);
  abort.abort();
  await last;
});

test("lines are chosen by level and text; what has no level counts as an error", () => {
  const line = (text: string) => ({ id: 1, kind: "log", text }) as const;
  expect(levelOf(`{"level":"warn","msg":"x"}`)).toBe("warn");
  expect(levelOf(`{"msg":"the \\"level\\":\\"debug\\""}`)).toBe("error");
  expect(logLinesFrom("warn")(line(`{"level":"info"}`))).toBe(false);
  expect(logLinesFrom("warn", "ABC")(line(`{"level":"error","msg":"xabcx"}`))).toBe(true);
  expect(logLinesFrom("debug")({ id: 1, kind: "pipe", text: "{}" })).toBe(false);
});
