/**
 * The token of this tab. It comes from the address (`?token=`, `#token=`) or from the form, leaves the address at once
 * and stays in this tab's sessionStorage. It goes nowhere but into the header of requests.
 */
import { Store } from "./store.ts";

const KEY = "fustor-agent-token";

export const token = new Store(sessionStorage.getItem(KEY) ?? "");

export function useToken(given: string): void {
  sessionStorage.setItem(KEY, given);
  token.set(given);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
  token.set("");
}

export function takeTokenFromAddress(): void {
  const texts = [location.search, location.hash.slice(1)];
  const given = texts.map((text) => new URLSearchParams(text).get("token")).find(Boolean);
  if (!given) return;
  history.replaceState(null, "", location.pathname);
  useToken(given);
}
