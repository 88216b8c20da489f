/** What the page knows of the agent: asked for every two seconds while the page is looked at. */
import type { AgentStatus } from "../../agent/agent-status.ts";
import type { PublicStatus } from "../public-status.ts";
import { get, Refused } from "./api.ts";
import { RateMeter } from "./rates.ts";
import { Store } from "./store.ts";
import { forgetToken, token } from "./token.ts";

const EVERY_MS = 2000;

export type Seen =
  | { readonly kind: "nothing" }
  | { readonly kind: "counts"; readonly status: PublicStatus }
  | { readonly kind: "all"; readonly status: AgentStatus };

export interface View {
  readonly seen: Seen;
  /** Since when the agent has not answered; undefined while it does. */
  readonly lostSince: number | undefined;
  readonly isTokenWrong: boolean;
}

/** What the agent wrote into the page. */
const { backlogMs, readOnly } = document.body.dataset;
export const maxBacklogAgeMs = Number(backlogMs ?? 60_000);
export const isReadOnly = readOnly === "true";

export const view = new Store<View>({ seen: { kind: "nothing" }, lostSince: undefined, isTokenWrong: false });
export const rates = new RateMeter();

async function look(): Promise<Seen> {
  if (token.value === "") return { kind: "counts", status: await get<PublicStatus>("/api/status") };
  return { kind: "all", status: await get<AgentStatus>("/api/v1/state") };
}

async function refreshOnce(): Promise<void> {
  const asked = token.value;
  try {
    const seen = await look();
    // Asked with a token that was forgotten or replaced meanwhile: whoever changed it asks anew.
    if (token.value !== asked) return;
    if (seen.kind === "all") rates.note(seen.status.pipes, performance.now());
    view.set({ seen, lostSince: undefined, isTokenWrong: asked === "" && view.value.isTokenWrong });
  } catch (error) {
    const isWrong = error instanceof Refused && error.code === "token_wrong";
    if (isWrong && asked !== "") {
      if (token.value === asked) forgetToken();
      view.set({ seen: { kind: "nothing" }, lostSince: undefined, isTokenWrong: true });
      return refreshOnce();
    }
    view.set({ ...view.value, lostSince: view.value.lostSince ?? Date.now() });
  }
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Now, and again and again from then on. */
export async function refresh(): Promise<void> {
  clearTimeout(timer);
  await refreshOnce();
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(() => void refresh(), EVERY_MS);
}

/** A page that nobody looks at costs the agent nothing. */
export function followVisibility(): void {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (!document.hidden) void refresh();
  });
}
