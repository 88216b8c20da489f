/** What the buttons do, and what came of it. */
import { get, post } from "./api.ts";
import { t } from "./language.ts";
import { refresh } from "./state.ts";
import { Store } from "./store.ts";

export interface Said {
  readonly text: string;
  readonly isBad: boolean;
}

export const said = new Store<Said>({ text: "", isBad: false });

export const say = (text: string, isBad = false): void => said.set({ text, isBad });

interface Outcome {
  readonly pipes?: readonly { readonly pipe: string; readonly failure?: string }[];
  readonly confirmed?: boolean;
}

function outcomeText(name: string, { pipes = [], confirmed }: Outcome): Said {
  const failed = pipes.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) return { text: t("failedWith", name, `${failed.pipe}: ${failed.failure}`), isBad: true };
  return { text: t(confirmed === false ? "nothingToDo" : "done", name), isBad: false };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** `question`: asked before, as for what stops something. */
export async function act(name: string, path: string, question?: string): Promise<void> {
  if (question !== undefined && !confirm(question)) return;
  say(t("doing", name));
  try {
    said.set(outcomeText(name, await post<Outcome>(`/api/v1${path}`)));
  } catch (error) {
    say(t("failedWith", name, messageOf(error)), true);
  }
  await refresh();
}

export const pipePath = (pipe: string): string => `/pipes/${encodeURIComponent(pipe)}`;

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    say(t("copied"));
  } catch (error) {
    say(messageOf(error), true);
  }
}

export interface Preview {
  readonly pipes: readonly { readonly pipe: string; readonly action: string; readonly reasons: readonly string[] }[];
  readonly notes: readonly string[];
  readonly changes: readonly { readonly key: string; readonly before: unknown; readonly after: unknown }[];
}

export type Previewed = { readonly preview: Preview } | { readonly refusal: string };

export async function previewReload(): Promise<Previewed> {
  try {
    return { preview: await get<Preview>("/api/v1/reload", 60_000) };
  } catch (error) {
    return { refusal: messageOf(error) };
  }
}
