/** A listing by several requests at once finds every key, however they lie; and the model and its index on disk keep it. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "fustor-agent/sdk";
import { afterAll, expect, test } from "vitest";
import { batchesSince } from "../src/changes.ts";
import type { Client, PageQuery } from "../src/client.ts";
import { Journal } from "../src/journal.ts";
import { compareKeys } from "../src/keys.ts";
import type { Listed, ListPage } from "../src/list-page.ts";
import { listAll, Unsorted } from "../src/listing.ts";
import { factsOf, Model } from "../src/model.ts";
import { readIndex } from "../src/read-index.ts";
import { allRows } from "../src/rows.ts";
import { expectedView } from "./paths.ts";

const seed = Number(process.env.FUSTOR_TEST_SEED ?? Date.now() % 1e9);
const folder = mkdtempSync(join(tmpdir(), "fustor-s3-"));
afterAll(() => rmSync(folder, { recursive: true }));

function randomBy(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const listed = (key: string, size = 1, etag = "e"): Listed => ({
  key,
  size,
  modifiedMs: 1_700_000_000_000 + size,
  etag,
});

/** A store in memory with pages of ten keys. */
class Shelf {
  readonly keys: string[];
  requests = 0;
  atOnce = 0;
  most = 0;

  constructor(keys: Iterable<string>, compare = compareKeys) {
    this.keys = [...new Set(keys)].sort(compare);
  }

  async list({ prefix, startAfter = "", token }: PageQuery): Promise<ListPage> {
    this.requests++;
    this.most = Math.max(this.most, ++this.atOnce);
    await new Promise((resolve) => setImmediate(resolve));
    this.atOnce--;
    const from = token === undefined ? 0 : Number(token);
    const mine = this.keys.filter(
      (key, at) => at >= from && key.startsWith(prefix) && compareKeys(key, startAfter) > 0,
    );
    const page = mine.slice(0, 10);
    const last = page.at(-1);
    return {
      objects: page.map((key) => listed(key)),
      next: mine.length > 10 && last !== undefined ? String(this.keys.indexOf(last) + 1) : undefined,
    };
  }
}

async function keysOf(shelf: Shelf, options: { prefix?: string; boundaries?: string[]; isSequential?: boolean } = {}) {
  const found: string[] = [];
  const { prefix = "", boundaries = [], isSequential = false } = options;
  await listAll({
    ...{ client: shelf as unknown as Client, prefix, boundaries, isSequential, parallel: 8 },
    onPage: async (objects) => void found.push(...objects.map(({ key }) => key)),
    signal: new AbortController().signal,
  });
  return found.sort(compareKeys);
}

const SHAPES: Readonly<Record<string, (random: (below: number) => number) => string>> = {
  "one flat folder": (random) => `img-${String(random(5000)).padStart(6, "0")}.jpg`,
  "deep below one folder": (random) => `data/2026/x/${random(12)}/${random(31)}/${random(24)}.log`,
  "hexadecimal names": (random) => random(2 ** 31).toString(16),
  "odd characters": (random) =>
    Array.from(
      { length: 1 + random(5) },
      () => ["/", ".", "‛", "é", "𝄞", "\uffee", "a", "\u0001", " ", "+"][random(10)],
    ).join(""),
};

test.each(Object.entries(SHAPES))("%s: every key once, by several requests at once", async (_name, shape) => {
  const random = randomBy(seed);
  for (let round = 0; round < 3; round++) {
    const shelf = new Shelf(Array.from({ length: 1 + random(1500) }, () => shape(random)));
    const at = `seed ${seed}, round ${round}`;
    expect(await keysOf(shelf), at).toEqual(shelf.keys);
    if (shelf.keys.length > 500) expect(shelf.most, at).toBeGreaterThan(3);
    expect(shelf.requests, at).toBeLessThan((shelf.keys.length / 10) * 1.5 + 60);
    const boundaries = Array.from({ length: random(20) }, () => shape(random)).sort(compareKeys);
    expect(await keysOf(shelf, { boundaries }), `${at}, with boundaries`).toEqual(shelf.keys);
    expect(await keysOf(shelf, { isSequential: true }), `${at}, one after the other`).toEqual(shelf.keys);
  }
});

test("only what lies below the prefix is asked for", async () => {
  const shelf = new Shelf(Array.from({ length: 300 }, (_, at) => `${"pqr"[at % 3]}/${at}`));
  expect(await keysOf(shelf, { prefix: "q/" })).toEqual(shelf.keys.filter((key) => key.startsWith("q/")));
});

test("a store that sorts otherwise is noticed", async () => {
  const shelf = new Shelf(["b", "a", "c", "B"], () => 1);
  shelf.keys.reverse();
  await expect(keysOf(shelf)).rejects.toBeInstanceOf(Unsorted);
});

const KEYS = ["a", "a/", "a/b", "a/b/c", "a/b/c/", "a//", "//", "x/y/z", "x/y", "x", "..", "../a", "‛", "‛/a", "n"];

/** What a receiver holds that believes everything. */
class Receiver {
  readonly held = new Map<string, number | "directory">([["/", "directory"]]);
  position = 0;

  take(model: Model): void {
    let clock = 0;
    for (const { changes } of batchesSince(model, this.position, "p", () => ++clock)) {
      for (const { op, key, row, isContainer } of changes) {
        if (op !== "delete") this.held.set(key, row.is_directory === true ? "directory" : Number(row.size));
        else {
          this.held.delete(key);
          if (isContainer)
            for (const path of [...this.held.keys()]) if (path.startsWith(`${key}/`)) this.held.delete(path);
        }
      }
    }
    this.position = model.last;
  }
}

const sorted = (view: ReadonlyMap<string, unknown>): unknown[] =>
  [...view].sort(([one], [other]) => (one < other ? -1 : 1));

async function rowsIn(model: Model): Promise<Map<string, number | "directory">> {
  const rows = new Map<string, number | "directory">();
  for await (const { path, size, is_directory } of allRows(model, async () => false)) {
    expect(rows.has(path), `${path} came twice`).toBe(false);
    const above = path.slice(0, path.lastIndexOf("/")) || "/";
    expect(path === "/" || rows.get(above) === "directory", `${path} came before ${above}`).toBe(true);
    rows.set(path, is_directory ? "directory" : size);
  }
  return rows;
}

test("receivers that are behind by any number of generations get what differs, also from the index after a restart", async () => {
  const random = randomBy(seed);
  const path = join(folder, "index");
  let model = new Model();
  let journal = new Journal(path, "scope", silentLogger);
  await journal.begin(undefined);
  const objects = new Map<string, number>();
  const receivers = [new Receiver(), new Receiver(), new Receiver()];
  for (let round = 1; round <= 150; round++) {
    const at = `seed ${seed}, round ${round}`;
    for (let steps = random(4); steps > 0; steps--) {
      const key = KEYS[random(KEYS.length)] ?? "";
      if (random(2) === 0) objects.delete(key);
      else objects.set(key, key.endsWith("/") ? 0 : random(5));
    }
    const generation = model.last + 1;
    for (const [key, size] of objects) {
      const facts = factsOf(listed(key, size));
      if (model.put(key, facts, generation, round)) journal.put(key, facts, generation);
    }
    for (const key of model.missing(round)) {
      model.remove(key, generation);
      journal.remove(key, generation);
    }
    await journal.flush(model);
    expect(sorted(await rowsIn(model)), at).toEqual(sorted(expectedView(objects)));
    for (const [every, receiver] of receivers.entries()) {
      if (round % (1 + 6 * every) !== 0) continue;
      receiver.take(model);
      expect(sorted(receiver.held), `${at}, receiver ${every}`).toEqual(sorted(expectedView(objects)));
    }
    if (random(10) > 0) continue;
    if (random(2) === 0) await journal.rewrite(model);
    await journal.close();
    const found = await readIndex(path, "scope");
    expect(found?.id, at).toBe(journal.id);
    model = found?.model ?? new Model();
    journal = new Journal(path, "scope", silentLogger);
    await journal.begin(found);
  }
  await journal.close();
});

test("an index that is cut short is one of earlier; a damaged one, and one of another scope, is none", async () => {
  const path = join(folder, "cut");
  const journal = new Journal(path, "scope", silentLogger);
  await journal.begin(undefined);
  const model = new Model();
  const sizes: number[] = [];
  for (let generation = 1; generation <= 5; generation++) {
    const facts = factsOf(listed(`k${generation}`));
    model.put(`k${generation}`, facts, generation, 1);
    journal.put(`k${generation}`, facts, generation);
    await journal.flush(model);
    sizes.push(readFileSync(path).length);
  }
  await journal.close();
  const whole = readFileSync(path);
  for (let length = whole.length; length >= 0; length--) {
    truncateSync(path, length);
    const found = await readIndex(path, "scope");
    expect(found?.model.last ?? 0, `cut to ${length}`).toBe(sizes.filter((size) => size <= length).length);
  }
  for (let at = 0; at < (sizes[3] ?? 0); at += 5) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    writeFileSync(path, damaged);
    const found = await readIndex(path, "scope").catch(() => undefined);
    expect(found?.model.last ?? 0, `damaged at ${at}`).toBeLessThanOrEqual(5);
    if (found !== undefined) expect(found.bytes, `damaged at ${at}`).toBeLessThan(whole.length);
  }
  for (const from of sizes.slice(0, 4)) {
    writeFileSync(path, Buffer.concat([whole.subarray(0, from), Buffer.from("9"), whole.subarray(from)]));
    const found = readIndex(path, "scope");
    // Of the last one nobody can say that it is not cut short.
    if (from === sizes[3]) expect((await found)?.model.last, `a length damaged at ${from}`).toBe(4);
    else await expect(found, `a length damaged at ${from}`).rejects.toThrow("damaged");
  }
  writeFileSync(path, whole);
  expect(await readIndex(path, "another")).toBeUndefined();
});
