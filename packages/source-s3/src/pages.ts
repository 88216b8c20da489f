/** The pages of one listing, one after the other. What a store answers may never end: then the listing fails. */
import type { Client, PageQuery } from "./client.ts";
import { unavailable } from "./failures.ts";
import type { Listed, ListPage } from "./list-page.ts";

/** A store may go over many deleted objects before it comes to one that is there. */
const MOST_EMPTY_PAGES = 10_000;

type Lister = Pick<Client, "list">;

export async function* pagesOf(
  client: Lister,
  query: PageQuery,
  signal: AbortSignal,
): AsyncGenerator<ListPage, void, undefined> {
  let token: string | undefined;
  let empty = 0;
  do {
    const page = await client.list({ ...query, token }, signal);
    yield page;
    empty = page.objects.length === 0 ? empty + 1 : 0;
    if (page.next !== undefined && page.next === token)
      throw endless("names the page that it just gave as the next one");
    if (empty >= MOST_EMPTY_PAGES) throw endless(`answered ${empty} pages without an object, one after the other`);
    token = page.next;
  } while (token !== undefined);
}

/** The first object whose key begins so. A page without objects says nothing as long as another one follows. */
export async function firstOf(client: Lister, prefix: string, signal: AbortSignal): Promise<Listed | undefined> {
  for await (const { objects } of pagesOf(client, { prefix, maxKeys: 1 }, signal)) {
    if (objects[0] !== undefined) return objects[0];
  }
  return undefined;
}

const endless = (what: string) => unavailable(`the listing does not end: the store ${what}`, { isLasting: true });
