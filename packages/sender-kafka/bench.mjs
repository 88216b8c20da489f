// From the start of an agent to the last row in a topic, and the library alone beside it. `node bench.mjs [entries]` makes a
// tree and a broker of its own. Needs `npm run build`, Java 17 and Maven.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Connection, listOffsetsV7, Producer } from "@platformatic/kafka";
import { fetchKafka } from "./test/fetch-kafka.mjs";

const ENTRIES = Number(process.argv[2] ?? 300_000);
const FILES = 100;
const CLI = resolve(import.meta.dirname, "../../dist/cli/main.js");
const work = mkdtempSync(join(tmpdir(), "fustor-kafka-bench-"));
const children = [];

const freePort = () =>
  new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });

async function startBroker() {
  const [port, controller] = [await freePort(), await freePort()];
  const data = join(work, "data");
  mkdirSync(data);
  writeFileSync(
    join(data, "meta.properties"),
    "version=1\nnode.id=1\ncluster.id=MkU3OEVBNTcwNTJENDM2Qg\ndirectory.id=pL4Ci91mpVgIOYzqqJ2UmA\n",
  );
  const lines = [
    ...["process.roles=broker,controller", "node.id=1", `controller.quorum.voters=1@127.0.0.1:${controller}`],
    ...[
      `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      "controller.listener.names=CONTROLLER",
    ],
    ...["listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT", `log.dirs=${data}`],
    ...[
      "transaction.state.log.replication.factor=1",
      "transaction.state.log.min.isr=1",
      "transaction.state.log.num.partitions=1",
    ],
  ];
  writeFileSync(join(work, "server.properties"), lines.join("\n"));
  const args = [
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-cp",
    join(fetchKafka(), "*"),
    "kafka.Kafka",
    join(work, "server.properties"),
  ];
  children.push(spawn("java", args, { stdio: "ignore" }));
  const isUp = () =>
    new Promise((done) => {
      const socket = connect(port, "127.0.0.1")
        .on("connect", () => done(true))
        .on("error", () => done(false));
      socket.on("connect", () => socket.destroy());
    });
  while (!(await isUp())) await pause(100);
  return port;
}

function makeTree() {
  const root = join(work, "tree");
  mkdirSync(root);
  for (let at = 0; at * (FILES + 1) < ENTRIES; at++) {
    const folder = join(root, `directory-${at % 50}`, `of-it-${at}`);
    mkdirSync(folder, { recursive: true });
    for (let file = 0; file < FILES; file++) writeFileSync(join(folder, `some file ${file}.dat`), "");
  }
  return root;
}

/** Seconds of the processor and megabytes of a process. */
function costOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const hwm = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpuS: (Number(stat[11]) + Number(stat[12])) / 100, peakMb: Math.round(Number(hwm) / 1024) };
}

function startAgent(home) {
  const agent = spawn(process.execPath, [CLI, "start"], {
    env: { ...process.env, FUSTOR_HOME: home, FUSTOR_CONSOLE_PORT: "0" },
  });
  let output = "";
  for (const stream of [agent.stdout, agent.stderr]) stream.on("data", (chunk) => (output += chunk));
  children.push(agent);
  const until = async (text) => {
    while (!output.includes(text)) {
      if (agent.exitCode !== null) throw new Error(output);
      await pause(20);
    }
  };
  return { agent, until };
}

async function snapshot(home, what) {
  const begun = performance.now();
  const { agent, until } = startAgent(home);
  await until("the snapshot is complete");
  const seconds = (performance.now() - begun) / 1000;
  console.log(
    JSON.stringify({
      what,
      seconds: Number(seconds.toFixed(1)),
      rowsPerS: Math.round(ENTRIES / seconds),
      ...costOf(agent.pid),
    }),
  );
  return agent;
}

async function end(agent, signal) {
  const gone = new Promise((done) => agent.once("exit", done));
  agent.kill(signal);
  await gone;
}

async function libraryAlone(port) {
  const producer = new Producer({ clientId: "bench", bootstrapBrokers: [`127.0.0.1:${port}`], autocreateTopics: true });
  const value = Buffer.from(
    JSON.stringify({
      path: "/directory-1/of-it-1/some file 1.dat",
      file_name: "some file 1.dat",
      size: 0,
      modified_time: 1790000000.1234,
      created_time: 1790000000.1234,
      is_directory: false,
    }),
  );
  const batch = (from) =>
    Array.from({ length: 3_000 }, (_, at) => ({
      topic: "alone",
      key: Buffer.from(`/directory-1/of-it-1/some file ${from + at}.dat`),
      value,
    }));
  await producer.send({ messages: batch(0).slice(0, 1), acks: -1 });
  const begun = performance.now();
  const before = process.cpuUsage();
  for (let at = 0; at < ENTRIES; at += 3_000) await producer.send({ messages: batch(at), acks: -1, idempotent: true });
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(before);
  console.log(
    JSON.stringify({
      what: "the library alone",
      seconds: Number(seconds.toFixed(1)),
      rowsPerS: Math.round(ENTRIES / seconds),
      cpuS: (user + system) / 1e6,
    }),
  );
  await producer.close();
}

async function recordsOf(port) {
  const connection = new Connection("bench");
  await connection.connect("127.0.0.1", port);
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n }];
  const { topics } = await listOffsetsV7.api.async(connection, -1, 0, [{ name: "bench", partitions }]);
  await connection.close();
  return Number(topics[0].partitions[0].offset);
}

try {
  const root = makeTree();
  const port = await startBroker();
  const home = join(work, "home");
  mkdirSync(home, { mode: 0o700 });
  const config = {
    sources: { s: { driver: "fs", uri: root } },
    senders: { k: { driver: "kafka", uri: `127.0.0.1:${port}`, driver_params: { topic: "bench" } } },
    pipes: { p: { source: "s", sender: "k" } },
  };
  writeFileSync(join(home, "agent-config.yaml"), JSON.stringify(config), { mode: 0o600 });
  const first = await snapshot(home, "an empty topic");
  console.log(JSON.stringify({ records: await recordsOf(port) }));
  await end(first, "SIGKILL");
  const second = await snapshot(home, "after SIGKILL: the topic is read, and nothing is new");
  console.log(JSON.stringify({ records: await recordsOf(port) }));
  await end(second, "SIGTERM");
  await libraryAlone(port);
} finally {
  for (const child of children) child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
}
