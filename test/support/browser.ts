/** Debian's Chromium without a window, driven over its debugging protocol: what the tests of the page need of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket } from "undici";
import { onTestFinished } from "vitest";
import { PATIENCE } from "./patience.ts";
import { waitFor } from "./wait-for.ts";

const QUIET = [
  ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-quic"],
];

export interface Page {
  goto(url: string): Promise<void>;
  /** The value of an expression in the page; rejects with what it throws. */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true in the page. */
  until(what: string, expression: string): Promise<void>;
  resize(width: number, height: number, scheme?: "light" | "dark"): Promise<void>;
  screenshot(format?: "png" | "webp"): Promise<Buffer>;
  /** A key of the keyboard, pressed and released. */
  press(key: "Tab" | "Enter" | " "): Promise<void>;
  /** What the page complained of: errors, and what its Content-Security-Policy refused. */
  readonly complaints: readonly string[];
  /** Every address that it asked for. */
  readonly requests: readonly string[];
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

/** Gone when the test ends, or with the hook that is given. */
export async function openPage(atEnd: (end: () => void | Promise<void>) => void = onTestFinished): Promise<Page> {
  const profile = await mkdtemp(join(tmpdir(), "fustor-chromium-"));
  atEnd(() => rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }));
  const args = [...QUIET, `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank"];
  const chromium = spawn("chromium", args, { stdio: ["ignore", "ignore", "pipe"] });
  atEnd(async () => {
    if (chromium.exitCode !== null || chromium.signalCode !== null) return;
    chromium.kill("SIGKILL");
    await once(chromium, "exit");
  });
  let said = "";
  chromium.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const address = await waitFor(() => /ws:\/\/127\.0\.0\.1:(\d+)\//.exec(said)?.[1], {
    timeoutMs: 20_000 * PATIENCE,
    what: () => `chromium is up: ${said}`,
  });
  const tabs = (await (await fetch(`http://127.0.0.1:${address}/json/list`)).json()) as {
    type: string;
    webSocketDebuggerUrl: string;
  }[];
  const socket = new WebSocket(tabs.find(({ type }) => type === "page")?.webSocketDebuggerUrl ?? "");
  atEnd(() => socket.close());
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  return drive(socket);
}

async function drive(socket: WebSocket): Promise<Page> {
  const waiting = new Map<number, (message: Message) => void>();
  const [complaints, requests]: [string[], string[]] = [[], []];
  let lastId = 0;
  socket.addEventListener("message", ({ data }) => {
    const message = JSON.parse(String(data)) as Message;
    if (message.id !== undefined) waiting.get(message.id)?.(message);
    const { method, params } = message;
    if (method === "Runtime.exceptionThrown" || method === "Log.entryAdded") complaints.push(JSON.stringify(params));
    if (method === "Page.javascriptDialogOpening") void send("Page.handleJavaScriptDialog", { accept: true });
    if (method === "Network.requestWillBeSent") requests.push((params as { request: { url: string } }).request.url);
  });
  const send = async (method: string, params: object = {}): Promise<Record<string, unknown>> => {
    const id = ++lastId;
    const answer = new Promise<Message>((resolve) => waiting.set(id, resolve));
    socket.send(JSON.stringify({ id, method, params }));
    const { result = {}, error } = await answer;
    waiting.delete(id);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await send(`${domain}.enable`);
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value: T }).value;
  };
  return {
    complaints,
    requests,
    evaluate,
    goto: async (url) => {
      await send("Page.navigate", { url });
      await waitFor(() => evaluate<boolean>(`document.readyState === "complete" && location.href !== "about:blank"`), {
        timeoutMs: 20_000 * PATIENCE,
        what: `${url} is loaded`,
      });
    },
    until: async (what, expression) => {
      const text = (): Promise<string> => evaluate<string>("document.body.innerText");
      let last = "";
      const look = async (): Promise<boolean> => {
        if (await evaluate<boolean>(expression)) return true;
        last = await text();
        return false;
      };
      await waitFor(look, { timeoutMs: 15_000 * PATIENCE, what: () => `${what}; the page: ${last}` });
    },
    resize: async (width, height, scheme = "light") => {
      await send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
      await send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    },
    press: async (key) => {
      const text = key === "Enter" ? "\r" : key === " " ? " " : undefined;
      const code = { Tab: 9, Enter: 13, " ": 32 }[key];
      const event = { key, windowsVirtualKeyCode: code, ...(text === undefined ? {} : { text }) };
      await send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
      await send("Input.dispatchKeyEvent", { type: "keyUp", key, windowsVirtualKeyCode: code });
    },
    screenshot: async (format = "png") => {
      const quality = format === "webp" ? { quality: 70 } : {};
      const { data } = await send("Page.captureScreenshot", { format, ...quality });
      return Buffer.from(String(data), "base64");
    },
  };
}
