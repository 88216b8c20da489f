/**
 * A receiver in a process of its own that is content with everything: `node sink.mjs CAPACITY SIZE SESSION_SECONDS`.
 *
 * With a CAPACITY it keeps when the body arrived that first showed each file f0, f1, ... with SIZE bytes; with 0 it
 * reads and discards. Orders come as JSON lines on stdin (`count`, `save`, `snapshots`), answers go to stdout, as the
 * watchers' processes have it.
 */
import { writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { gunzipSync } from "node:zlib";

const [capacity, size, sessionSeconds] = process.argv.slice(2).map(Number);
const arrivals = new Float64Array(capacity);
/** [from, to] of each snapshot since it was last asked for, by its first body and its end, nanoseconds. */
const snapshots = [];
const tally = { seen: 0, bodies: 0, bytes: 0, liveRows: 0, snapshotEnds: 0, firstEndAt: 0 };
const TAIL_BYTES = 512;
let asking = false;
let sessions = 0;
let snapshotBegan = 0;

/** Nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share. */
const now = () => Number(process.hrtime.bigint());
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`);

function noteRow(row, at) {
  tally.liveRows++;
  const name = row.path.slice(row.path.lastIndexOf("/") + 1);
  if (row.size !== size || !/^f\d+$/.test(name)) return;
  const index = Number(name.slice(1));
  if (index >= capacity || arrivals[index] !== 0) return;
  arrivals[index] = at;
  tally.seen++;
}

function noteLive(body, at) {
  for (const event of JSON.parse(body.toString("utf8")).events) {
    if (event.event_type === "delete") continue;
    for (const row of event.rows) noteRow(row, at);
  }
}

function noteSnapshot(isEnd, at) {
  if (snapshotBegan === 0) snapshotBegan = at;
  if (!isEnd) return;
  snapshots.push([snapshotBegan, at]);
  snapshotBegan = 0;
  tally.snapshotEnds++;
  tally.firstEndAt ||= at;
}

/** The members behind the rows tell what the body was: they stand at its end, so bulk rows are never looked at. */
function noteIngest(chunks, gzipped, at) {
  const raw = Buffer.concat(chunks);
  const body = gzipped ? gunzipSync(raw) : raw;
  tally.bodies++;
  tally.bytes += body.byteLength;
  const tail = body.toString("latin1", Math.max(0, body.byteLength - TAIL_BYTES));
  if (/"source_type": ?"snapshot"/.test(tail)) noteSnapshot(/"is_(snapshot_)?end": ?true/.test(tail), at);
  else if (capacity > 0 && !/"source_type": ?"audit"/.test(tail)) noteLive(body, at);
}

const ROUTES = [
  ["POST", /\/session\/$/, () => session()],
  ["POST", /\/heartbeat$/, () => ({ status: "ok", role: "leader", message: null, can_realtime: null, commands: [] })],
  [
    "POST",
    /\/ingest\/[^/]+\/events$/,
    () => ({ status: "ok", count: 0, ...(asking ? { snapshot_needed: true } : {}) }),
  ],
  ["GET", /\/consistency\/sentinel\/tasks$/, () => ({})],
  ["DELETE", /\/session\/[^/]+$/, () => ({ status: "terminated" })],
];

function session() {
  const session_id = `5e551011-0000-4000-8000-${String(++sessions).padStart(12, "0")}`;
  return {
    session_id,
    role: "leader",
    session_timeout_seconds: sessionSeconds,
    audit_interval_sec: null,
    sentinel_interval_sec: null,
  };
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("error", () => undefined);
  request.on("end", () => {
    const at = now();
    const path = request.url.split("?")[0];
    const answer = ROUTES.find(([method, pattern]) => method === request.method && pattern.test(path))?.[2];
    const text = JSON.stringify(answer?.() ?? { detail: "Not Found" });
    response.writeHead(answer === undefined ? 404 : 200, {
      "content-type": "application/json",
      "content-length": text.length,
    });
    response.end(text);
    // After the answer: what this process does with a body is not the agent's time.
    if (path.includes("/ingest/")) setImmediate(noteIngest, chunks, request.headers["content-encoding"] === "gzip", at);
  });
});
server.keepAliveTimeout = 0;
server.requestTimeout = 0;

const orders = {
  count: () => say({ kind: "count", ...tally, sessions }),
  snapshots: ({ on }) => {
    asking = on;
    const unfinished = snapshotBegan === 0 ? [] : [[snapshotBegan, now()]];
    say({ kind: "snapshots", snapshots: [...snapshots.splice(0), ...unfinished] });
  },
  save: ({ file }) => {
    writeFileSync(file, arrivals);
    say({ kind: "saved" });
  },
};

server.listen(0, "127.0.0.1", () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const order = JSON.parse(line);
    orders[order.do](order);
  });
  lines.on("close", () => process.exit(0));
  say({ kind: "listening", port: server.address().port });
  say({ kind: "loaded" });
});
