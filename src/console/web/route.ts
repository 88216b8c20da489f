/** Which view is open: it stands in the address, so that a reader can go back and share it. */
import { Store } from "./store.ts";
import { takeTokenFromAddress } from "./token.ts";

export const VIEWS = ["overview", "pipes", "sources", "tap", "log", "config", "health"] as const;
export type ViewName = (typeof VIEWS)[number];

export interface Route {
  readonly view: ViewName;
  /** The pipe that is meant, where one is. */
  readonly about: string | undefined;
}

function routeOf(hash: string): Route {
  const [name = "", about] = hash.replace(/^#\/?/, "").split("/");
  const view = VIEWS.find((each) => each === name) ?? "overview";
  return { view, about: about === undefined ? undefined : safelyDecoded(about) };
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = new Store<Route>(routeOf(""));

export const hashOf = (view: ViewName, about?: string): string =>
  about === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(about)}`;

export function followAddress(): void {
  const take = (): void => {
    takeTokenFromAddress();
    route.set(routeOf(location.hash));
  };
  addEventListener("hashchange", take);
  take();
}
