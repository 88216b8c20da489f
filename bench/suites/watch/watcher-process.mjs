/** The other side of contender.mjs: starts a watcher's process, tells it what to do, and ends it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";

const LOAD_MS = 15_000;
const ANSWER_MS = 20_000;
const KEPT_STDERR = 4096;

const living = new Set();
process.once("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

export class WatcherProcess {
  #child;
  #said = new Map();
  #wake = () => undefined;
  #stderr = "";
  #end;
  #ended = false;

  /** Resolves when the library is loaded and nothing is watched yet. */
  static async spawn(contender, root, capacity) {
    const made = new WatcherProcess(contender.command(root, capacity));
    await made.hear("loaded", LOAD_MS);
    return made;
  }

  constructor([command, ...args]) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    living.add(this.#child);
    this.#child.stdin.on("error", () => undefined);
    this.#child.stderr.on("data", (chunk) => {
      this.#stderr = (this.#stderr + chunk).slice(-KEPT_STDERR);
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const message = JSON.parse(line);
      this.#said.set(message.kind, message);
      this.#wake();
    });
    this.#end = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        living.delete(this.#child);
        this.#ended = true;
        this.#said.set("failed", { message: `ended (${signal ?? code}) ${this.#stderr.trim().split("\n").at(-1)}` });
        this.#wake();
        resolve();
      });
    });
  }

  get pid() {
    return this.#child.pid;
  }

  tell(order) {
    this.#child.stdin.write(`${JSON.stringify(order)}\n`);
  }

  /** The next line of that kind. One listener at a time. */
  async hear(kind, timeoutMs = ANSWER_MS) {
    const deadline = performance.now() + timeoutMs;
    while (!this.#said.has(kind)) {
      const failed = this.#said.get("failed");
      if (failed !== undefined) throw new Error(failed.message);
      const patience = deadline - performance.now();
      if (patience <= 0) throw new Error(`no "${kind}" within ${timeoutMs / 1000} s`);
      await this.#nextLine(patience);
    }
    const message = this.#said.get(kind);
    this.#said.delete(kind);
    return message;
  }

  async #nextLine(timeoutMs) {
    const timer = new AbortController();
    const line = new Promise((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([line, pause(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
  }

  ask(order, answer) {
    this.tell(order);
    return this.hear(answer);
  }

  /** Until it has seen `wanted` paths, or nothing new for `quietMs`. Resolves with the last answer. */
  async settle(wanted, quietMs, mostMs) {
    const deadline = performance.now() + mostMs;
    let last = await this.#countAfterStorm(mostMs);
    let changed = performance.now();
    while (last.seen < wanted && performance.now() < Math.min(deadline, changed + quietMs)) {
      await pause(50);
      const next = await this.ask({ do: "count" }, "count");
      if (next.seen !== last.seen) changed = performance.now();
      last = next;
    }
    return last;
  }

  /** A library that is still at work on what it was told cannot answer, and nobody hears of the files either. */
  async #countAfterStorm(mostMs) {
    this.tell({ do: "count" });
    return this.hear("count", mostMs).catch((error) => {
      throw new Error(this.#ended ? error.message : `still busy ${mostMs / 1000} s after the last file`);
    });
  }

  /** Nanoseconds per file at which the callback first had it, 0 = never. */
  async seenTimes(file) {
    await this.ask({ do: "save", file }, "saved");
    return readTimes(file);
  }

  async end() {
    this.#child.kill("SIGKILL");
    await this.#end;
  }
}

export function readTimes(file) {
  const bytes = readFileSync(file);
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
