/** What stores do: they are slow, refuse, redirect, break off; on a real server, with a front before it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Row, type RowChunk, type SourceDriver, silentLogger } from "fustor-agent/sdk";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import driver from "../src/index.ts";
import { expectedView } from "./paths.ts";
import { ACCESS, type Bucket, type Fault, Front, S3Server, SECRET } from "./s3-server.ts";

let server: S3Server;
let front: Front;
let bucket: Bucket;
beforeAll(async () => {
  server = await S3Server.start();
});
afterAll(() => server?.end());
beforeEach(async () => {
  front = await Front.before(server.url);
  bucket = await server.bucket();
});

const rowsIn = ({ buffer, rowOffsets, rowCount }: RowChunk): Row[] =>
  JSON.parse(`[${new TextDecoder().decode(buffer.subarray(0, (rowOffsets[rowCount] ?? 1) - 1))}]`) as Row[];

interface MirrorOptions {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly uri?: string;
  readonly indexPath?: string;
  readonly position?: string;
}

/** A receiver in the process of the test. */
class Mirror {
  readonly held = new Map<string, number | "directory">();
  readonly source: SourceDriver;
  readonly deletes: string[] = [];
  rows = 0;
  positionLost = false;
  position: string | undefined;
  readonly #abort = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  private constructor(source: SourceDriver) {
    this.source = source;
  }

  static async of({ params = {}, uri = bucket.uri, indexPath, position }: MirrorOptions = {}): Promise<Mirror> {
    const source = await driver.create(
      { id: "s", logger: silentLogger, ...(indexPath === undefined ? {} : { indexPath }) },
      {
        uri,
        credential: { kind: "password", user: ACCESS, password: SECRET },
        params: driver.schema.parse({ endpoint: front.url, interval_sec: 0.1, ...params }),
        excludePaths: [],
      },
    );
    const mirror = new Mirror(source);
    onTestFinished(() => mirror.close());
    expect(source.status().availability).toEqual({ state: "starting" });
    await source.open({ signal: mirror.#abort.signal });
    mirror.#running = mirror.#follow(position);
    return mirror;
  }

  async #follow(position: string | undefined): Promise<void> {
    const { signal } = this.#abort;
    const stream = this.source.getMessageIterator(-1, { signal, ...(position === undefined ? {} : { position }) });
    this.positionLost = stream.positionLost;
    this.position = stream.position;
    const snapshot = stream.positionLost ? this.#snapshot() : undefined;
    for await (const { changes } of stream.batches) {
      for (const change of changes) {
        this.rows++;
        this.position = change.position ?? this.position;
        if (change.op === "delete") this.#delete(change.key, change.isContainer);
        else this.#hold(change.row);
      }
    }
    await snapshot;
  }

  async #snapshot(): Promise<void> {
    try {
      for await (const chunk of this.source.getSnapshotIterator({ signal: this.#abort.signal }).chunks) {
        for (const row of rowsIn(chunk)) this.#hold(row);
        chunk.release();
      }
    } catch {
      // It is away: the agent tries again.
    }
  }

  #hold({ path, size, is_directory }: Row): void {
    this.held.set(String(path), is_directory === true ? "directory" : Number(size));
  }

  #delete(key: string, isContainer: boolean): void {
    this.deletes.push(key);
    this.held.delete(key);
    if (isContainer) for (const path of [...this.held.keys()]) if (path.startsWith(`${key}/`)) this.held.delete(path);
  }

  async shows(view: ReadonlyMap<string, unknown> = expectedView(bucket.objects)): Promise<void> {
    const differences = (): string[] =>
      [...new Set([...this.held.keys(), ...view.keys()])]
        .filter((path) => this.held.get(path) !== view.get(path))
        .map((path) => `${path}: ${this.held.get(path)}, not ${view.get(path)}`);
    await waitFor(() => differences().length === 0, {
      timeoutMs: 10_000,
      what: () => `${differences().slice(0, 9).join("; ")}; ${JSON.stringify(this.source.status())}`,
    });
  }

  reason(): Promise<string> {
    return waitFor(
      () => {
        const { availability } = this.source.status();
        return availability.state === "unavailable" && availability.reason;
      },
      { timeoutMs: 15_000, what: "the source is away" },
    );
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.source.close();
  }
}

const errorOf = (status: number, code: string, more = "", headers: Record<string, string> = {}): Fault => ({
  status,
  headers,
  body: `<Error><Code>${code}</Code><Message>it says ${SECRET}</Message>${more}</Error>`,
});

test("every request is signed as the documents of the store say, whatever the prefix and the keys hold", async () => {
  await bucket.putAll(["p q+r/é/a b", "p q+r/‛", "p q+r/x/*'()!~", "other"]);
  const mirror = await Mirror.of({ uri: `${bucket.uri}/p q+r` });
  await mirror.shows(
    expectedView(
      new Map([
        ["é/a b", 1],
        ["‛", 1],
        ["x/*'()!~", 1],
      ]),
    ),
  );
  expect(front.unsigned).toEqual([]);
  const page = await Mirror.of({ params: { exclude: ["/other", "x/"] } });
  await page.shows(
    expectedView(
      new Map([
        ["p q+r/é/a b", 1],
        ["p q+r/‛", 1],
      ]),
    ),
  );
});

test("SlowDown halves the requests on their way and loses nothing", async () => {
  await bucket.putAll(Array.from({ length: 60 }, (_, at) => `d${at % 7}/${at}`));
  let left = 3;
  front.rule = (query) => {
    query.set("max-keys", "5");
    return left-- > 0 ? errorOf(503, "SlowDown", "", { "retry-after": "0" }) : undefined;
  };
  const mirror = await Mirror.of();
  await mirror.shows();
  const { slowDowns, availability } = mirror.source.status();
  expect(availability).toEqual({ state: "available" });
  expect(slowDowns).toBe(3);
});

test("a listing that breaks off deletes nothing, and shows what it has found", async () => {
  await bucket.putAll(Array.from({ length: 30 }, (_, at) => `d/${String(at).padStart(2, "0")}`));
  const mirror = await Mirror.of({ params: { parallel: 1 } });
  await mirror.shows();
  let pages = 0;
  let breaks = true;
  front.rule = (query) => {
    query.set("max-keys", "10");
    return breaks && query.has("continuation-token") && ++pages > 0 ? errorOf(403, "AccessDenied") : undefined;
  };
  await waitFor(() => pages > 0, { timeoutMs: 10_000, what: "a listing breaks off" });
  await bucket.remove("d/00");
  await bucket.remove("d/29");
  await bucket.put("a/new");
  await waitFor(() => mirror.held.has("/a/new"), { timeoutMs: 10_000, what: "the object of the first page" });
  await waitFor(() => pages > 3, { timeoutMs: 10_000, what: "more listings break off" });
  expect(mirror.deletes).toEqual([]);
  breaks = false;
  await mirror.shows();
  expect(mirror.deletes.sort()).toEqual(["/d/00", "/d/29"]);
});

test("objects that are written while a listing runs are found by the next one", async () => {
  await bucket.putAll(Array.from({ length: 40 }, (_, at) => `k/${at}`));
  let written = 0;
  front.rule = async (query) => {
    query.set("max-keys", "7");
    // Below what the listing has passed already.
    if (query.has("continuation-token") && written < 20) await bucket.put(`a/${written++}`);
    return undefined;
  };
  const mirror = await Mirror.of();
  await waitFor(() => bucket.objects.has("a/19"), { timeoutMs: 20_000, what: "20 objects are written meanwhile" });
  await mirror.shows();
});

test.each<[string, Fault, RegExp]>([
  ["the bucket is not there", errorOf(404, "NoSuchBucket"), /NoSuchBucket.*correct the bucket/],
  ["the prefix is not allowed", errorOf(403, "AccessDenied"), /the prefix p\/ is not allowed.*s3:ListBucket/],
  [
    "the clock is wrong",
    errorOf(403, "RequestTimeTooSkewed", "", { date: new Date(Date.now() + 3_600_000).toUTCString() }),
    /clock of this machine is 3[56]\d\d s behind.*NTP/,
  ],
  ["the key is wrong", errorOf(403, "InvalidAccessKeyId"), /correct user in credential/],
  ["the secret is wrong", errorOf(403, "SignatureDoesNotMatch"), /correct passwd/],
  [
    "the region is another",
    errorOf(301, "PermanentRedirect", "<Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint>", {
      "x-amz-bucket-region": "eu-west-1",
    }),
    /in the region eu-west-1.*set region and endpoint/,
  ],
  ["something else answers", { status: 200, body: "<html>Log in</html>" }, /no page of a listing/],
])("%s: the source says so with the cure, without secrets, and goes on when it is over", async (_name, fault, said) => {
  await bucket.put("p/a");
  front.rule = () => fault;
  const mirror = await Mirror.of({ uri: `${bucket.uri}/p` });
  const reason = await mirror.reason();
  expect(reason).toMatch(said);
  expect(reason).not.toContain(SECRET);
  front.rule = () => undefined;
  await waitFor(() => mirror.source.status().availability.state === "available", {
    timeoutMs: 10_000,
    what: "it is back",
  });
});

test("a signature for another region is made anew for the one that the store names", async () => {
  await bucket.put("a");
  let isRight = false;
  front.rule = () => {
    if (isRight) return undefined;
    isRight = true;
    return errorOf(400, "AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>");
  };
  const mirror = await Mirror.of();
  await mirror.shows();
  expect(front.unsigned).toEqual([]);
});

test("a bucket with versions: a delete marker is a delete", async () => {
  await bucket.version();
  await bucket.putAll(["a", "b"]);
  await bucket.put("a", "second");
  const mirror = await Mirror.of();
  await mirror.shows();
  await bucket.remove("a");
  await mirror.shows();
  await bucket.put("a", "third one");
  await mirror.shows();
});

test("a restart sends the difference alone; a lost or damaged index is followed by a snapshot", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fustor-s3-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const indexPath = join(folder, "index");
  await bucket.putAll(Array.from({ length: 50 }, (_, at) => `d/${at}`));
  const first = await Mirror.of({ indexPath });
  await first.shows();
  await waitFor(() => first.position !== undefined, { timeoutMs: 10_000, what: "a position" });
  await first.close();
  await bucket.remove("d/7");
  await bucket.put("d/8", "longer");
  await bucket.put("e/new");
  const second = await Mirror.of({ indexPath, position: first.position ?? "" });
  for (const [path, size] of first.held) second.held.set(path, size);
  await second.shows();
  expect(second).toMatchObject({ positionLost: false, rows: 4, deletes: ["/d/7"] });
  await second.close();
  rmSync(indexPath);
  const third = await Mirror.of({ indexPath, position: second.position ?? "" });
  expect(third.positionLost).toBe(true);
  await third.shows();
});
