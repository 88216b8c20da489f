import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { type Keyboard, refresh } from "../../../src/cli/refreshed.ts";
import { Terminal } from "../../../src/cli/terminal.ts";
import { waitFor } from "../../support/wait-for.ts";

class FakeKeyboard extends EventEmitter implements Keyboard {
  readonly isTTY = true;
  isRaw = false;
  setRawMode(on: boolean): void {
    this.isRaw = on;
  }
  resume(): void {
    this.emit("resumed");
  }
  pause(): void {
    this.emit("paused");
  }
}

function screen(size?: { readonly columns: number; readonly rows: number }) {
  const out = Object.assign(new PassThrough(), size === undefined ? {} : { isTTY: true, ...size });
  const taken: string[] = [];
  out.on("data", (data: Buffer) => taken.push(data.toString()));
  return { out, terminal: new Terminal(out, new PassThrough()), text: () => taken.join("") };
}

test.each(["q", "\u0003"])(
  "%j on a terminal ends it and leaves screen, cursor and keyboard as they were",
  async (key) => {
    const { terminal, text } = screen({ columns: 80, rows: 24 });
    const keyboard = new FakeKeyboard();
    let frames = 0;
    const done = refresh({ everyMs: 10, terminal, keyboard, frame: async () => `frame ${++frames}` });
    await waitFor(() => text().includes("frame 3"), { timeoutMs: 5000, intervalMs: 5, what: "the third frame" });
    expect(keyboard.isRaw).toBe(true);
    keyboard.emit("data", Buffer.from(key));
    await done;
    expect(keyboard.isRaw).toBe(false);
    expect(keyboard.listenerCount("data")).toBe(0);
    expect(text().startsWith("\u001b[?1049h\u001b[?25l\u001b[H")).toBe(true);
    expect(text().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
  },
);

test.each([
  { columns: 1, rows: 1 },
  { columns: 0, rows: 0 },
  { columns: 20, rows: 3 },
])("no line is wider and no picture higher than a terminal of %j", async ({ columns, rows }) => {
  const { terminal, text } = screen({ columns, rows });
  const keyboard = new FakeKeyboard();
  const picture = Array.from({ length: 50 }, (_, at) => `${at} ${"x".repeat(200)}`).join("\n");
  const done = refresh({ everyMs: 1, terminal, keyboard, frame: async () => picture });
  await waitFor(() => text().includes("\u001b[J"), { timeoutMs: 5000, intervalMs: 5, what: "a frame" });
  keyboard.emit("data", Buffer.from("q"));
  await done;
  const first = text().split("\u001b[H")[1]?.split("\u001b[J")[0] ?? "";
  const lines = first.replaceAll("\u001b[K", "").split("\n").slice(0, -1);
  expect(lines.length).toBeLessThanOrEqual(Math.max(rows - 1, 1));
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(columns - 1, 1));
});

test("a file gets every picture as lines, without anything that moves a cursor, until its reader goes", async () => {
  const { out, terminal, text } = screen();
  const keyboard = new FakeKeyboard();
  let frames = 0;
  const done = refresh({ everyMs: 1, terminal, keyboard, frame: async () => `frame ${++frames}\nsecond line` });
  await waitFor(() => text().includes("frame 3"), { timeoutMs: 5000, intervalMs: 5, what: "the third frame" });
  expect(keyboard.isRaw).toBe(false);
  out.destroy(Object.assign(new Error("gone"), { code: "EPIPE" }));
  await done;
  expect(text().startsWith("frame 1\nsecond line\nframe 2\nsecond line\n")).toBe(true);
  expect(text()).not.toContain("\u001b");
});

test("what the picture throws ends it, and the terminal is left in order", async () => {
  const { terminal, text } = screen({ columns: 80, rows: 24 });
  const keyboard = new FakeKeyboard();
  const failing = refresh({ everyMs: 1, terminal, keyboard, frame: () => Promise.reject(new Error("no picture")) });
  await expect(failing).rejects.toThrow("no picture");
  expect(keyboard.isRaw).toBe(false);
  expect(text().endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
});
