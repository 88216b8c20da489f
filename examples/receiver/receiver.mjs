// A receiver of Fustor Agent in Node alone: it keeps a picture of each tree that an agent watches, in memory.
// `node receiver.mjs [port]`; GET /tree prints the picture, a row a line. docs/consumer-guide.md explains it.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const KEY = process.env.RECEIVER_KEY;
const MAX_BYTES = 32 * 1024 * 1024;
const DOCUMENT = readFileSync(new URL("openapi.json", import.meta.url));
const streams = new Map();

const nothingTold = () => ({ told: {}, listed: new Set(), begun: false });

/** One for each pipe of each agent. `told`: the entries that the snapshot, or the audit, that goes on has told so far. */
function streamOf({ agent_id, task_id }) {
  const key = JSON.stringify([agent_id, task_id]);
  const root = { below: new Map() };
  const fresh = { root, index: 0, complete: false, past: new Set(), ...nothingTold() };
  if (!streams.has(key)) streams.set(key, fresh);
  return streams.get(key);
}

/** Applies a batch; false when it comes from a session that another one has replaced. */
function take({ session_id, sequence, source_type: phase, events, ...batch }) {
  const stream = streamOf(batch);
  if (session_id !== stream.session) {
    if (stream.past.has(session_id)) return false;
    // A session that has sent more than we remember began before we did: we miss the beginning of its snapshot.
    Object.assign(stream, { session: session_id, sequence, ...nothingTold(), whole: sequence === 1 });
    stream.past.add(session_id);
  }
  // The late twin of a batch that was sent again and is here already.
  if (sequence < stream.sequence) return true;
  stream.sequence = sequence;
  // Rows of a snapshot leave out what changes told since it was suggested, or asked for, and they come later.
  if (phase === "snapshot" && events.length > 0) stream.begun = true;
  if (stream.begun || batch.snapshot_sync_suggested || !stream.complete) stream.told.snapshot ??= new Set();
  if (phase === "audit" && events.length > 0) stream.told.audit ??= new Set();
  for (const event of events) {
    for (const row of event.rows) (event.event_type === "delete" ? remove : put)(stream, row, event.message_source);
    stream.index = Math.max(stream.index, event.index);
  }
  if (batch.is_end) end(stream, phase);
  return true;
}

const namesOf = (path) => path.split("/").filter((name) => name !== "");

function put(stream, row, source) {
  let node = stream.root;
  for (const name of namesOf(row.path)) {
    if (!node.below.has(name)) node.below.set(name, { below: new Map() });
    node = node.below.get(name);
  }
  node.row = row;
  if (!row.is_directory) node.below.clear();
  for (const told of Object.values(stream.told)) told?.add(node);
  // An audit tells all children of such a directory.
  if (source === "audit" && !row.audit_skipped) stream.listed.add(node);
}

/** With everything below it. */
function remove(stream, { path }) {
  const names = namesOf(path);
  const last = names.pop();
  names.reduce((node, name) => node?.below.get(name), stream.root)?.below.delete(last);
}

/** What a whole snapshot or an audit did not tell is gone; an audit speaks for the directories alone that it lists. */
function end(stream, phase) {
  const told = stream.told[phase];
  const isSnapshot = phase === "snapshot";
  if (told !== undefined && (!isSnapshot || (stream.begun && stream.whole))) {
    drop(stream.root, (node) => isSnapshot || stream.listed.has(node), told);
    if (isSnapshot) stream.complete = true;
  }
  // The next snapshot is seen from its beginning.
  if (isSnapshot) Object.assign(stream, { whole: true, begun: false });
  stream.told[phase] = undefined;
  if (!isSnapshot) stream.listed.clear();
}

function drop(node, isListed, told) {
  for (const [name, child] of node.below) {
    if (isListed(node) && !told.has(child)) node.below.delete(name);
    else drop(child, isListed, told);
  }
}

const textOf = ({ row, below }) =>
  `${row ? `${JSON.stringify(row)}\n` : ""}${[...below.values()].map(textOf).join("")}`;

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, "http://receiver");
  if (KEY !== undefined && request.headers.authorization !== `Bearer ${KEY}`) return [401, `{"detail": "wrong key"}`];
  const route = `${request.method} ${pathname}`;
  if (route === "GET /openapi.json") return [200, DOCUMENT];
  if (route === "GET /tree") return [200, [...streams.values()].map(({ root }) => textOf(root)).join("")];
  if (route === "GET /pipeline-status") {
    const { complete, index } = streamOf(Object.fromEntries(searchParams));
    return [200, String(complete ? index : 0)];
  }
  if (route !== "POST /ingest-batch" && route !== "POST /heartbeat") return [404, `{"detail": "no such route"}`];
  if (Number(request.headers["content-length"]) > MAX_BYTES) return [413, `{"detail": "too long"}`];
  const body = JSON.parse(Buffer.concat(await request.toArray()));
  if (route === "POST /ingest-batch" && !take(body)) return [419, `{"detail": "this session was replaced"}`];
  return [200, JSON.stringify({ snapshot_needed: !streamOf(body).complete })];
}

const server = createServer((request, response) => {
  const failed = (error) => [error instanceof SyntaxError ? 400 : 500, JSON.stringify({ detail: error.message })];
  const write = ([status, text]) => response.writeHead(status, { "content-type": "application/json" }).end(text);
  answer(request).catch(failed).then(write);
});
server.listen(Number(process.argv[2] ?? 9000), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/openapi.json`);
});
