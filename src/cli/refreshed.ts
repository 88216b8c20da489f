/**
 * A picture that is drawn again and again until a user ends it: on a terminal in place, anywhere else one below the
 * other. Ends at Ctrl-C, SIGTERM, `q` on a terminal, or when nobody reads any more.
 */
import { setTimeout as pause } from "node:timers/promises";
import { shutdownSignal } from "../agent/process/shutdown.ts";
import type { Terminal } from "./terminal.ts";

/** To the upper left corner; what was there is cleared line by line, so that nothing flickers. */
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** What is read from the keyboard, as far as this needs it. */
export interface Keyboard {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  on(event: "data", listener: (data: Buffer) => void): unknown;
  off(event: "data", listener: (data: Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

const CTRL_C = 3;

/** Aborts at `q` or Ctrl-C, which a raw keyboard hands over as a byte. */
function listenForKeys(keyboard: Keyboard): { readonly signal: AbortSignal; dispose(): void } {
  const ended = new AbortController();
  if (keyboard.isTTY !== true || keyboard.setRawMode === undefined) {
    return { signal: ended.signal, dispose: () => undefined };
  }
  const onData = (data: Buffer): void => {
    if (data.includes(CTRL_C) || data.includes("q")) ended.abort();
  };
  keyboard.setRawMode(true);
  keyboard.on("data", onData);
  keyboard.resume();
  return {
    signal: ended.signal,
    dispose: () => {
      keyboard.off("data", onData);
      keyboard.setRawMode?.(false);
      keyboard.pause();
    },
  };
}

export interface RefreshOptions {
  readonly everyMs: number;
  readonly terminal: Terminal;
  /** Default: standard input. */
  readonly keyboard?: Keyboard;
  /** Lines without an end. On a terminal they are cut to what it shows. */
  frame(): Promise<string>;
}

/** No wider and no higher than the terminal: a line that wraps would push the first one out. */
const fitted = (text: string, columns: number, rows: number): string =>
  text
    .split("\n")
    .slice(0, Math.max(rows - 1, 1))
    .map((line) => `${line.slice(0, Math.max(columns - 1, 1))}${CLEAR_LINE}`)
    .join("\n");

export async function refresh({ everyMs, terminal, keyboard, frame }: RefreshOptions): Promise<void> {
  const shutdown = shutdownSignal();
  const inPlace = terminal.isInteractive;
  const keys = listenForKeys(inPlace ? (keyboard ?? process.stdin) : NO_KEYBOARD);
  const end = AbortSignal.any([shutdown.signal, terminal.closed, keys.signal]);
  if (inPlace) await terminal.write(ENTER);
  try {
    while (!end.aborted) {
      const text = await frame();
      if (end.aborted) break;
      const drawn = inPlace ? `${HOME}${fitted(text, terminal.columns, terminal.rows)}\n${CLEAR_BELOW}` : `${text}\n`;
      await terminal.write(drawn);
      await pause(everyMs, undefined, { signal: end }).catch(() => undefined);
    }
  } finally {
    if (inPlace) await terminal.write(LEAVE);
    keys.dispose();
    shutdown.dispose();
  }
}

const NO_KEYBOARD: Keyboard = {
  on: () => undefined,
  off: () => undefined,
  resume: () => undefined,
  pause: () => undefined,
};
