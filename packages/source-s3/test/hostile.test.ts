/** What a server may answer that is no store, or a bad one: nothing is lost for it, and nothing grows without bound. */
import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "fustor-agent/sdk";
import { expect, onTestFinished, test, vi } from "vitest";
import { Client } from "../src/client.ts";
import { Journal } from "../src/journal.ts";
import { parsePage } from "../src/list-page.ts";
import { listAll } from "../src/listing.ts";
import { Look } from "../src/look.ts";
import { Model } from "../src/model.ts";
import { Pace } from "../src/pace.ts";
import { schema } from "../src/params.ts";

const never = new AbortController().signal;
const object = (key: string): string =>
  `<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>e</ETag><Size>7</Size></Contents>`;
const page = (contents: string, next?: string): string =>
  `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${
    next === undefined ? "" : `<NextContinuationToken>${next}</NextContinuationToken>`
  }${contents}</ListBucketResult>`;

async function clientOf(answer: (asked: IncomingMessage, to: ServerResponse) => void): Promise<Client> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const params = schema.parse({ endpoint, region: "eu-central-1", timeout_sec: 20 });
  const credential = { kind: "password", user: "USER", password: "secret-of-the-test" } as const;
  return new Client({ uri: "s3://bucket/p/", params, credential, firstPauseMs: 1 });
}

const listing = (client: Client, isSequential: boolean, signal = never): Promise<void> =>
  listAll({ client, prefix: "p/", parallel: 2, boundaries: [], isSequential, onPage: async () => undefined, signal });

test.each(["", "1", "yes", "<x/>"])("a page that says %j of its end is none", (said) => {
  expect(() => parsePage(`<ListBucketResult><IsTruncated>${said}</IsTruncated></ListBucketResult>`)).toThrow("follows");
});

test("what a store writes as True means the same as true", () => {
  const text = page(object("a"), "t").replace(">true<", ">True<");
  expect(parsePage(text).next).toBe("t");
});

test("a page that holds fewer keys than it says is none", () => {
  const text = page(object("a").replace("<Contents>", '<Contents xmlns="x">')).replace(
    "<IsT",
    "<KeyCount>1</KeyCount><IsT",
  );
  expect(() => parsePage(text)).toThrow("fewer keys");
});

test("objects of another prefix are no part of a listing", async () => {
  const client = await clientOf((_, to) => to.end(page(object("p/a") + object("q/b"))));
  await expect(client.list({ prefix: "p/" }, never)).rejects.toThrow("another prefix");
});

test.each([false, true])(
  "a store that names the same page again and again ends the listing (one by one: %s)",
  async (each) => {
    const client = await clientOf((_, to) => to.end(page(each ? object("p/a") : "", "again")));
    const signal = AbortSignal.timeout(10_000);
    await expect(listing(client, each, signal)).rejects.toThrow("does not end");
  },
);

test("a path is not gone because a page without objects came first", async () => {
  const client = await clientOf(({ url = "" }, to) => {
    const asked = new URL(url, "http://x").searchParams;
    if (asked.get("prefix") === "p/a/") return void to.end(page(""));
    to.end(asked.has("continuation-token") ? page(object("p/a")) : page("", "on"));
  });
  const look = new Look({ client, prefix: "p/", isWanted: () => true, model: new Model() });
  expect(await look.at("/a", never)).toMatchObject({ key: "/a", exists: true, row: { size: 7 } });
});

test("an answer without end is given up at a bound", async () => {
  let sent = 0;
  const client = await clientOf((_, to) => {
    const piece = Buffer.alloc(1 << 20, 32);
    const more = (): void => {
      while (!to.destroyed && sent < 200) {
        sent++;
        if (!to.write(piece)) return void to.once("drain", more);
      }
      to.end();
    };
    more();
  });
  await expect(client.list({ prefix: "p/" }, never)).rejects.toThrow("more than 32 MiB");
  expect(sent).toBeLessThan(200);
});

const elsewhere = (to: ServerResponse, region: string): void => {
  to.statusCode = 400;
  to.end(`<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>${region}</Region></Error>`);
};

test("a store that sends a request from one region to the next is not followed for ever", async () => {
  let asked = 0;
  const client = await clientOf((_, to) => elsewhere(to, `region-${++asked}`));
  await expect(client.list({ prefix: "p/" }, AbortSignal.timeout(10_000))).rejects.toThrow("400");
  expect(asked).toBeLessThan(10);
});

test("requests that were on their way when the region became known follow, too", async () => {
  const waiting: ServerResponse[] = [];
  const client = await clientOf(({ headers }, to) => {
    if (headers.authorization?.includes("/eu-west-1/") === true) return void to.end(page(""));
    waiting.push(to);
    if (waiting.length === 4) for (const each of waiting) elsewhere(each, "eu-west-1");
  });
  const pages = Array.from({ length: 4 }, () => client.list({ prefix: "p/" }, never));
  expect((await Promise.all(pages)).map(({ objects }) => objects.length)).toEqual([0, 0, 0, 0]);
});

test("signed requests are not sent on to where a redirect points", async () => {
  let reached = false;
  const client = await clientOf(({ url }, to) => {
    if (url?.startsWith("/thief") === true) reached = true;
    to.writeHead(307, { location: "/thief?X-Amz-Security-Token=secret-of-the-test" }).end();
  });
  const failure = await client.list({ prefix: "p/" }, never).catch(String);
  expect(failure).toContain("set region and endpoint");
  expect(failure).not.toContain("secret-of-the-test");
  expect(reached).toBe(false);
});

test("SlowDown halves how many requests go out at once, and what was on its way counts as one", async () => {
  const pace = new Pace(8);
  const atOnce = async (): Promise<number> => {
    let [now, most] = [0, 0];
    const call = async (): Promise<void> => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setImmediate(resolve));
      now--;
    };
    await Promise.all(Array.from({ length: 20 }, () => pace.taken(never, call)));
    return most;
  };
  expect(await atOnce()).toBe(8);
  pace.slowDown();
  pace.slowDown();
  expect(await atOnce()).toBe(4);
  for (let times = 0; times < 20; times++) pace.wentWell();
  expect(await atOnce()).toBe(5);
});

test("what a large listing wrote on its way is on disk before anything is told of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fustor-s3-sync-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const probe = await open(join(folder, "probe"), "w");
  const synced = vi.spyOn(Object.getPrototypeOf(probe) as typeof probe, "datasync");
  onTestFinished(() => synced.mockRestore());
  await probe.close();
  const journal = new Journal(join(folder, "index"), "scope", silentLogger);
  await journal.begin(undefined);
  for (let at = 0; at < 5000; at++) journal.put(`${at}${"x".repeat(1000)}`, { size: 1, modifiedMs: 1, hash: 1 }, 1);
  await journal.flushWhenLarge();
  await journal.flush(new Model());
  await journal.close();
  expect(synced).toHaveBeenCalledTimes(1);
});
