// `npm run bench`: rows a second from a commit to a receiver that reads and discards, beside what the library alone decodes. Both begin with
// the first insert. `-- 500000`: so many rows.
import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import "../../scripts/load-ts.mjs";
import { LogicalReplicationService, PgoutputPlugin } from "pg-logical-replication";

const { PostgresServer, SECRET } = await import("./test/postgres-server.ts");

const ROWS = Number(process.argv[2] ?? 200_000);
const AT_ONCE = 2_000;
const WAIT_MS = 300_000;
const CLI = resolve(import.meta.dirname, "../../dist/cli/main.js");

/** In a process of its own: it counts rows by their number of paths, and answers. */
function receive() {
  let [live, bulk] = [0, 0];
  const answers = {
    session: { session_id: "s", role: "leader", session_timeout_seconds: 30, audit_interval_sec: null },
    heartbeat: { status: "ok", role: "leader", message: null, can_realtime: null, commands: [] },
    events: { status: "ok", count: 0 },
  };
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const raw = Buffer.concat(chunks);
    const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
    const last = request.url.split("/").filter(Boolean).at(-1);
    if (last === "events") {
      const rows = body.toString("latin1").split('"path":').length - 1;
      if (body.includes('"source_type":"message"')) live += rows;
      else bulk += rows;
      process.send({ live, bulk, ended: body.includes('"is_snapshot_end":true') });
    }
    response.writeHead(answers[last] === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(answers[last] ?? {}));
  });
  server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
}

async function insert(database) {
  for (let from = 0; from < ROWS; from += AT_ONCE) {
    const to = Math.min(ROWS, from + AT_ONCE) - 1;
    await database.sql(`INSERT INTO rows SELECT i, 'name ' || i, i * 2, now() FROM generate_series(${from}, ${to}) i`);
  }
}

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took too long`)), WAIT_MS).unref()),
  ]);

const TABLE = `CREATE TABLE rows (id int PRIMARY KEY, name text, n bigint, at timestamptz);
  CREATE PUBLICATION fustor FOR TABLE rows;`;

async function libraryAlone(server) {
  const database = await server.database(TABLE);
  await database.sql("SELECT pg_create_logical_replication_slot('library', 'pgoutput')");
  const { hostname: host, port } = new URL(database.uri);
  const config = { host, port: Number(port), user: "postgres", password: SECRET, database: database.name };
  const service = new LogicalReplicationService(config, { acknowledge: { auto: false, timeoutSeconds: 0 } });
  let rows = 0;
  let done = () => undefined;
  const all = new Promise((resolveAll) => {
    done = resolveAll;
  });
  service.on("data", (_lsn, { tag }) => {
    if (tag === "insert" && ++rows === ROWS) done();
  });
  const started = new Promise((resolveStart) => service.once("start", resolveStart));
  const over = service.subscribe(new PgoutputPlugin({ protoVersion: 1, publicationNames: ["fustor"] }), "library");
  over.catch(() => undefined);
  await within(started, "the start of the library");
  const begin = performance.now();
  await insert(database);
  const inserted = performance.now() - begin;
  await within(all, "the library");
  const elapsed = performance.now() - begin;
  await service.destroy();
  await database.close();
  return { elapsed, inserted };
}

async function wholePipe(server) {
  const database = await server.database(TABLE);
  const home = mkdtempSync(join(tmpdir(), "fustor-bench-"));
  const receiver = fork(import.meta.filename, [], { env: { ...process.env, FUSTOR_BENCH_RECEIVER: "1" } });
  const heard = (holds) =>
    new Promise((resolveHeard) => {
      const listen = (message) => {
        if (!holds(message)) return;
        receiver.off("message", listen);
        resolveHeard(message);
      };
      receiver.on("message", listen);
    });
  const { port } = await within(
    heard((message) => message.port > 0),
    "the receiver",
  );
  const credential = { user: "postgres", passwd: SECRET };
  const config = {
    sources: { pg: { driver: "postgres", uri: database.uri, credential, driver_params: { slot: database.name } } },
    senders: { f: { driver: "fusion", uri: `http://127.0.0.1:${port}`, credential: { key: "key-of-the-bench" } } },
    pipes: { p: { source: "pg", sender: "f" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  const run = () => fork(CLI, ["start"], { env, stdio: ["ignore", "ignore", "inherit", "ipc"] });
  const end = async (agent) => {
    const ended = new Promise((resolveEnd) => agent.once("exit", resolveEnd));
    agent.kill("SIGTERM");
    await within(ended, "the end of the agent");
  };
  let agent = run();
  try {
    await within(
      heard(({ ended }) => ended),
      "the first snapshot",
    );
    const begin = performance.now();
    const all = heard(({ live }) => live >= ROWS);
    await insert(database);
    const inserted = performance.now() - begin;
    await within(all, "the pipe");
    const elapsed = performance.now() - begin;
    // Until the slot has heard that all of them were accepted: no change comes again beside the snapshot.
    await new Promise((resolvePause) => setTimeout(resolvePause, 2_000));
    await end(agent);
    const again = performance.now();
    agent = run();
    await within(
      heard(({ bulk, ended }) => ended && bulk >= ROWS),
      "the snapshot",
    );
    return { elapsed, inserted, snapshot: performance.now() - again };
  } finally {
    await end(agent);
    receiver.kill();
    await database.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function main() {
  const server = await PostgresServer.start();
  const rate = (elapsed) => `${Math.round(ROWS / (elapsed / 1000)).toLocaleString("en")} rows/s`;
  try {
    console.log(
      `${ROWS} rows of 4 columns, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}`,
    );
    const library = await libraryAlone(server);
    console.log(`library alone       ${rate(library.elapsed)} (inserts took ${Math.round(library.inserted)} ms)`);
    const pipe = await wholePipe(server);
    console.log(`whole pipe, changes ${rate(pipe.elapsed)} (inserts took ${Math.round(pipe.inserted)} ms)`);
    console.log(`whole pipe, snapshot with the agent's start ${rate(pipe.snapshot)}`);
  } finally {
    await server.end();
  }
}

if (process.env.FUSTOR_BENCH_RECEIVER !== undefined) receive();
else await main();
