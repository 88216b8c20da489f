// `npm run bench -- 100000`: how long a first listing, a second one and a change take, on a store that keeps objects in memory.
// FUSTOR_BENCH_S3=http://host:port/bucket names a bucket of a server that was filled before; `fill` as second argument fills it.
import { mkdtempSync, rmSync } from "node:fs";
import { register } from "node:module";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";

// The agent lends its SDK to drivers; here there is no agent.
const SDK = new URL("../../dist/sdk/kit.js", import.meta.url).href;
const hook = `export const resolve = (name, context, next) =>
  name === "fustor-agent/sdk" ? { url: ${JSON.stringify(SDK)}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { default: driver } = await import("./dist/index.js");

const OBJECTS = Number(process.argv[2] ?? 100_000);
const [, endpoint, bucket] = /^(https?:\/\/[^/]+)\/([^/]+)$/.exec(process.env.FUSTOR_BENCH_S3 ?? "") ?? [];
if (bucket === undefined) throw new Error("set FUSTOR_BENCH_S3 to http://host:port/bucket");
const keyOf = (at) => `data/${at % 100}/${Math.floor(at / 100) % 50}/object-${at}.bin`;

async function fill() {
  await fetch(`${endpoint}/${bucket}`, { method: "PUT" });
  let next = 0;
  const work = async () => {
    while (next < OBJECTS) {
      const answer = await fetch(`${endpoint}/${bucket}/${keyOf(next++)}`, { method: "PUT", body: "x" });
      await answer.text();
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
}

const silent = { debug: () => 0, info: () => 0, warn: console.warn, error: console.error };

async function run() {
  const folder = mkdtempSync(join(tmpdir(), "fustor-bench-"));
  const { signal } = new AbortController();
  const begin = performance.now();
  const source = await driver.create(
    { id: "bench", logger: silent, indexPath: join(folder, "index") },
    {
      uri: `s3://${bucket}`,
      credential: { kind: "password", user: "test", password: "testtest" },
      params: driver.schema.parse({ endpoint, interval_sec: 5 }),
      excludePaths: [],
    },
  );
  await source.open({ signal });
  const { batches } = source.getMessageIterator(-1, { signal });
  const stream = batches[Symbol.asyncIterator]();
  let rows = 0;
  for await (const chunk of source.getSnapshotIterator({ signal }).chunks) {
    rows += chunk.rowCount;
    chunk.release();
  }
  const seconds = (performance.now() - begin) / 1000;
  console.log(`first listing and snapshot: ${rows} rows in ${seconds.toFixed(2)} s`, source.status().listing);
  await stream.next();
  await fetch(`${endpoint}/${bucket}/data/new`, { method: "PUT", body: String(Date.now()) });
  const put = performance.now();
  for (;;) {
    const { value } = await stream.next();
    if (value.changes.some(({ key }) => key === "/data/new")) break;
  }
  console.log(`change: ${((performance.now() - put) / 1000).toFixed(2)} s, interval 5 s`, source.status().listing);
  console.log(
    `CPU ${(process.cpuUsage().user / 1e6).toFixed(1)} s, RSS ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB, load ${loadavg()[0].toFixed(1)}`,
  );
  await source.close();
  rmSync(folder, { recursive: true });
}

if (process.argv[3] === "fill") await fill();
await run();
