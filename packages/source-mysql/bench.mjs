// `npm run bench`: rows a second from a commit to a receiver that reads and discards, and of a snapshot, beside what the libraries alone
// read. `-- 500000`: so many rows.
import { fork, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus, loadavg, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import "../../scripts/load-ts.mjs";
import ZongJi from "@vlasky/zongji";
import mysql from "mysql2/promise";

const { MariadbServer, SECRET, USER } = await import("./test/mariadb-server.ts");

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
    await database.sql(`INSERT INTO items SELECT seq, concat('name ', seq), seq * 2, now(6) FROM seq_${from}_to_${to}`);
  }
}

const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took too long`)), WAIT_MS).unref()),
  ]);

const TABLE = "CREATE TABLE items (id int PRIMARY KEY, name text, n bigint, at timestamp(6))";

const EXACT = { charset: "utf8mb4", timezone: "Z", dateStrings: true, supportBigNumbers: true, bigNumberStrings: true };

async function librariesAlone(server) {
  const database = await server.database(TABLE);
  const config = { ...EXACT, host: "127.0.0.1", port: server.port, user: "root", database: database.name };
  const [{ gtidSet }] = await server.sql("SELECT @@gtid_binlog_pos AS gtidSet");
  const zongji = new ZongJi(config);
  let rows = 0;
  let done = () => undefined;
  const all = new Promise((resolveAll) => {
    done = resolveAll;
  });
  zongji.on("error", (error) => console.error(error));
  zongji.on("binlog", (event) => {
    if (event.getTypeName() !== "WriteRows") return;
    rows += event.rows.length;
    if (rows >= ROWS) done();
  });
  zongji.start({
    serverId: 77,
    gtidSet,
    includeEvents: ["tablemap", "writerows"],
    includeSchema: { [database.name]: true },
  });
  await within(new Promise((ready) => zongji.once("ready", ready)), "the start of the library");
  const begin = performance.now();
  await insert(database);
  const inserted = performance.now() - begin;
  await within(all, "the library");
  const elapsed = performance.now() - begin;
  zongji.stop();
  const snapshot = await pagesAlone(config);
  await database.close();
  return { elapsed, inserted, snapshot };
}

async function pagesAlone(config) {
  const client = await mysql.createConnection(config);
  const begin = performance.now();
  for (let [last, length] = [-1, 1]; length > 0; ) {
    const sql = "SELECT id, name, n, at FROM items WHERE id > ? ORDER BY id LIMIT 2000";
    const [rows] = await client.query({ sql, values: [last], rowsAsArray: true });
    length = rows.length;
    last = rows.at(-1)?.[0] ?? last;
  }
  const elapsed = performance.now() - begin;
  await client.end();
  return elapsed;
}

/** Of one process so far, user and system, in milliseconds. */
function cpuMs({ pid }) {
  const [, ...rest] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = rest.join(") ").split(" ").slice(11, 13).map(Number);
  return (user + system) * 10;
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
  const credential = { user: USER, passwd: SECRET };
  const config = {
    sources: { shop: { driver: "mysql", uri: database.uri, credential } },
    senders: { f: { driver: "fusion", uri: `http://127.0.0.1:${port}`, credential: { key: "key-of-the-bench" } } },
    pipes: { p: { source: "shop", sender: "f" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  const env = { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" };
  const added = spawnSync(process.execPath, [CLI, "drivers", "add", import.meta.dirname], { env, encoding: "utf8" });
  if (added.status !== 0) throw new Error(`the driver was not added: ${added.stderr}`);
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
    // Until the state says that all of them were accepted: no change comes again beside the snapshot.
    await new Promise((resolvePause) => setTimeout(resolvePause, 2_000));
    await end(agent);
    const again = performance.now();
    agent = run();
    const first = heard(({ bulk }) => bulk > 0).then(() => ({ at: performance.now(), cpu: cpuMs(agent) }));
    await within(
      heard(({ bulk, ended }) => ended && bulk >= ROWS),
      "the snapshot",
    );
    const now = performance.now();
    const { at, cpu } = await first;
    return { elapsed, inserted, snapshot: now - again, rows: now - at, cpu: cpuMs(agent) - cpu };
  } finally {
    await end(agent);
    receiver.kill();
    await database.close();
    rmSync(home, { recursive: true, force: true });
  }
}

async function main() {
  const server = await MariadbServer.start();
  const rate = (elapsed) => `${Math.round(ROWS / (elapsed / 1000)).toLocaleString("en")} rows/s`;
  try {
    console.log(
      `${ROWS} rows of 4 columns, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}, Node ${process.version}`,
    );
    const library = await librariesAlone(server);
    console.log(`libraries alone, changes  ${rate(library.elapsed)} (inserts took ${Math.round(library.inserted)} ms)`);
    console.log(`libraries alone, snapshot ${rate(library.snapshot)}`);
    const pipe = await wholePipe(server);
    console.log(`whole pipe, changes       ${rate(pipe.elapsed)} (inserts took ${Math.round(pipe.inserted)} ms)`);
    console.log(`whole pipe, snapshot      ${rate(pipe.rows)}, ${rate(pipe.snapshot)} with the agent's start`);
    console.log(`                          ${rate(pipe.cpu)} for each core that the agent has`);
  } finally {
    await server.end();
  }
}

if (process.env.FUSTOR_BENCH_RECEIVER !== undefined) receive();
else await main();
