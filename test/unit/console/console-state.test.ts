/** What the page knows of the agent, without a browser: answers that come late. */
import { expect, onTestFinished, test, vi } from "vitest";

interface Page {
  readonly view: { readonly value: { readonly seen: { readonly kind: string } } };
  refresh(): Promise<void>;
}

interface Tokens {
  useToken(given: string): void;
  forgetToken(): void;
}

const load = (file: string): Promise<unknown> =>
  import(String(new URL(`../../../src/console/web/${file}`, import.meta.url)));

test("an answer that was asked for with a token is not shown once that token was forgotten", async () => {
  const kept = new Map<string, string>();
  const answers = new Map<string, (answer: Response) => void>();
  vi.stubGlobal("document", { body: { dataset: {} }, hidden: true });
  vi.stubGlobal("sessionStorage", {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  vi.stubGlobal("fetch", (path: string) => new Promise<Response>((resolve) => answers.set(path, resolve)));
  onTestFinished(() => void vi.unstubAllGlobals());
  const { useToken, forgetToken } = (await load("token.ts")) as Tokens;
  const { refresh, view } = (await load("state.ts")) as Page;
  useToken("of-this-run");
  const late = refresh();
  forgetToken();
  const counts = refresh();
  answers.get("/api/status")?.(Response.json({ state: "running", pipes: [], sources: [] }));
  await counts;
  answers.get("/api/v1/state")?.(Response.json({ state: "running", pipes: [], sources: [] }));
  await late;
  expect(view.value.seen.kind).toBe("counts");
});
