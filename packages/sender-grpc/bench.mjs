// `npm run bench -w packages/sender-grpc`: rows a second of snapshots through the whole agent to a receiver that reads and discards, over
// HTTP and over gRPC in turns, with the agent's CPU. `-- 100000 3`: so many files, so many turns. Needs dist/ (`npm run build`).
import { fork } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { cpus, loadavg } from "node:os";
import { join, resolve } from "node:path";
import "../../scripts/load-ts.mjs";

const [FILES = 200_000, TURNS = 5] = process.argv.slice(2).map(Number);
/** Counted snapshots of a run, behind a first one that fills the agent's table. */
const SNAPSHOTS = 3;
const TLS = resolve(import.meta.dirname, "../../test/fixtures/tls");
const file = (name) => join(TLS, name);
const SESSION = { session_id: "s", role: "leader", session_timeout_seconds: 2, audit_interval_sec: 0 };

/** Tells the parent of each snapshot: milliseconds from its first batch to its end. */
function meter() {
  let begun = 0;
  let ended = 0;
  const note = (isSnapshot, isEnd) => {
    if (!isSnapshot) return;
    begun ||= performance.now();
    if (!isEnd) return;
    process.send({ snapshot: ++ended, ms: performance.now() - begun });
    begun = 0;
  };
  return { note, wantsMore: () => begun === 0 && ended <= SNAPSHOTS };
}

function receiveHttp(isSecure) {
  const { note, wantsMore } = meter();
  const answers = {
    session: () => SESSION,
    heartbeat: () => ({ status: "ok", role: "leader", commands: [], snapshot_needed: wantsMore() }),
    events: () => ({ status: "ok", count: 0 }),
  };
  const serve = (request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const route = request.url.split("/").filter(Boolean).at(-1);
      if (route === "events") {
        const tail = Buffer.concat(chunks.slice(-2)).subarray(-300).toString("latin1");
        note(tail.includes('"source_type":"snapshot"'), tail.includes('"is_snapshot_end":true'));
      }
      const known = answers[route];
      response.writeHead(known === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(known?.() ?? {}));
    });
  };
  const pair = { cert: readFileSync(file("server.pem")), key: readFileSync(file("server.key")) };
  const server = isSecure ? createSecureServer(pair, serve) : createServer(serve);
  server.listen(0, "127.0.0.1", () => {
    process.send({ uri: `http${isSecure ? "s" : ""}://127.0.0.1:${server.address().port}` });
  });
}

/** The messages are those of the protocol; what is in a batch is not looked at, as over HTTP. */
async function receiveGrpc(isSecure) {
  const { Server, ServerCredentials } = await import("@grpc/grpc-js");
  const { create } = await import("@bufbuild/protobuf");
  const { AnswerSchema } = await import("./dist/gen/fustor/v1/receiver_pb.js");
  const { sessionMethod } = await import("./dist/wire.js");
  const { widenWindows } = await import("./dist/receiver/windows.js");
  const { note, wantsMore } = meter();
  const kinds = {
    open: () => ({
      case: "opened",
      value: { sessionId: "s", role: "leader", sessionTimeoutSeconds: 2, auditIntervalSec: 0 },
    }),
    attach: () => ({ case: "done", value: {} }),
    heartbeat: () => ({ case: "heartbeat", value: { role: "leader", snapshotNeeded: wantsMore() } }),
    position: () => ({ case: "position", value: {} }),
    sentinelTasks: () => ({ case: "sentinelTask", value: {} }),
    part: () => ({ case: "acknowledgement", value: {} }),
    close: () => ({ case: "done", value: {} }),
  };
  const session = (call) => {
    let begins = true;
    let [isSnapshot, isEnd] = [false, false];
    call.on("data", ({ call: number, kind }) => {
      if (kind.case === "part") {
        const head = Buffer.from(kind.value.data.subarray(0, 14)).toString("latin1");
        if (begins) [isSnapshot, isEnd] = [head.startsWith("\n\x08snapshot"), head.endsWith("\x10\x01\x18\x01")];
        begins = kind.value.isLast;
        if (!begins) return;
        note(isSnapshot, isEnd);
      }
      call.write(create(AnswerSchema, { call: number, kind: kinds[kind.case]() }));
    });
    call.on("error", () => undefined);
    call.on("end", () => call.end());
  };
  const server = new Server();
  server.addService({ session: sessionMethod }, { session });
  const pair = { cert_chain: readFileSync(file("server.pem")), private_key: readFileSync(file("server.key")) };
  const credentials = isSecure ? ServerCredentials.createSsl(null, [pair]) : ServerCredentials.createInsecure();
  server.bindAsync("127.0.0.1:0", credentials, (_, port) => {
    widenWindows(server);
    process.send({ uri: `grpc${isSecure ? "s" : ""}://127.0.0.1:${port}` });
  });
}

const WAYS = [
  ["http", "fusion", () => receiveHttp(false)],
  ["grpc", "grpc", () => receiveGrpc(false)],
  ["https", "fusion", () => receiveHttp(true)],
  ["grpcs", "grpc", () => receiveGrpc(true)],
];

const asked = process.env.FUSTOR_BENCH_WAY;
if (asked === undefined) await main();
else {
  process.on("disconnect", () => process.exit());
  await WAYS.find(([name]) => name === asked)[2]();
}

async function main() {
  const { memoryFolder, makeDirectories } = await import("../../bench/support/agent-run.mjs");
  const { cpuSeconds, peakBytes } = await import("../../bench/support/process-usage.mjs");
  const { createOurAgent } = await import("../../test/support/agent-process.ts");
  const { createTempFolder, removeTempFolders } = await import("../../test/support/temp-tree.ts");
  process.env.FUSTOR_TEST_DIR = memoryFolder();
  const root = createTempFolder("bench-tree");
  makeDirectories(root, Math.ceil(FILES / 1000));
  for (let at = 0; at < FILES; at++) writeFileSync(join(root, `d${Math.floor(at / 1000)}`, `document-${at}.txt`), "");

  async function measure([name, driver]) {
    const receiver = fork(import.meta.filename, [], { env: { ...process.env, FUSTOR_BENCH_WAY: name } });
    const told = [];
    receiver.on("message", (message) => told.push(message));
    const until = async (holds, what) => {
      for (const end = Date.now() + 120_000; !told.some(holds); await new Promise((go) => setTimeout(go, 10))) {
        if (Date.now() > end) throw new Error(`${name}: no ${what}`);
      }
      return told.find(holds);
    };
    const { uri } = await until(({ uri }) => uri !== undefined, "receiver");
    const sender = { driver, driver_params: name.endsWith("s") ? { ca_file: file("ca.pem") } : {} };
    const agent = createOurAgent({ root, receiver: { url: uri, pushKey: "bench-key", pipeId: "bench" }, sender });
    try {
      agent.start();
      await until(({ snapshot }) => snapshot === 1, "first snapshot");
      const [before, begun] = [cpuSeconds(agent.pid()), performance.now()];
      await until(({ snapshot }) => snapshot === 1 + SNAPSHOTS, "last snapshot");
      const cpu = (cpuSeconds(agent.pid()) - before) / SNAPSHOTS;
      const times = told.filter(({ snapshot }) => snapshot > 1).map(({ ms }) => ms);
      const rows = FILES + Math.ceil(FILES / 1000);
      const best = Math.min(...times);
      const peak = peakBytes(agent.pid()) / 1e6;
      return { name, rowsPerSecond: (rows / best) * 1000, cpu, peak, seconds: (performance.now() - begun) / 1000 };
    } catch (error) {
      throw new Error(`${error.message}\n${agent.output().slice(-3000)}`);
    } finally {
      await agent.terminate().catch(() => undefined);
      receiver.disconnect();
    }
  }

  const samples = [];
  console.log(`${FILES} files, ${TURNS} turns, ${cpus().length} x ${cpus()[0].model}, Node ${process.version}`);
  try {
    for (let turn = 1; turn <= TURNS; turn++) {
      for (const way of WAYS) {
        const sample = await measure(way);
        samples.push(sample);
        const { name, rowsPerSecond, cpu, peak } = sample;
        const text = `${Math.round(rowsPerSecond)} rows/s, ${cpu.toFixed(2)} s of CPU, peak ${peak.toFixed(0)} MB`;
        console.log(`turn ${turn} ${name.padEnd(6)}${text}, load ${loadavg()[0].toFixed(1)}`);
      }
    }
  } finally {
    removeTempFolders();
  }
  const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
  for (const [name] of WAYS) {
    const mine = samples.filter((sample) => sample.name === name);
    const [rate, cpu, peak] = ["rowsPerSecond", "cpu", "peak"].map((key) => median(mine.map((sample) => sample[key])));
    console.log(
      `${name.padEnd(6)}${Math.round(rate)} rows/s, ${cpu.toFixed(2)} s of CPU a snapshot, ${peak.toFixed(0)} MB`,
    );
  }
}
