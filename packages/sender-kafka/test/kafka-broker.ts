/** A Kafka broker of the test file's own: free ports of loopback, a folder of its own, gone at the end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Child, startChild } from "../../../test/support/child-process.ts";
import { freePorts } from "../../../test/support/free-ports.ts";
import { waitFor } from "../../../test/support/wait-for.ts";
import { fetchKafka } from "./fetch-kafka.mjs";

/** It compiles as little as possible: the broker is up in seconds and does little. */
const JVM = ["-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];
const CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg";

export interface BrokerOptions {
  /** Lines of server.properties. */
  readonly lines?: readonly string[];
  /** Of the listener that clients use. Default PLAINTEXT. */
  readonly protocol?: "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";
}

export class KafkaBroker {
  readonly port: number;
  readonly folder = mkdtempSync(join(tmpdir(), "fustor-kafka-"));
  readonly #jars = fetchKafka();
  #child: Child | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  static async start(options: BrokerOptions = {}): Promise<KafkaBroker> {
    const [port = 0, controller = 0] = await freePorts(2);
    const broker = new KafkaBroker(port);
    broker.#configure(controller, options);
    await broker.begin();
    return broker;
  }

  get uri(): string {
    return `kafka://127.0.0.1:${this.port}`;
  }

  /** On the same port as before. */
  async begin(): Promise<void> {
    const jars = join(this.#jars, "*");
    const args = [...JVM, "-cp", jars, "kafka.Kafka", join(this.folder, "server.properties")];
    const child = startChild({ command: "java", args, endsWithTest: false });
    this.#child = child;
    const isUp = async (): Promise<boolean> => {
      if (child.exit() !== undefined) throw new Error(`the broker ended:\n${child.output()}`);
      return canConnect(this.port);
    };
    await waitFor(isUp, { timeoutMs: 40_000, intervalMs: 100, what: () => `a broker:\n${child.output()}` });
  }

  async kill(): Promise<void> {
    this.#child?.signal("SIGKILL");
    await this.#child?.exited;
  }

  async end(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #configure(controller: number, { lines = [], protocol = "PLAINTEXT" }: BrokerOptions): void {
    const data = join(this.folder, "data");
    mkdirSync(data);
    // What `kafka-storage.sh format` writes, which would take a JVM of its own.
    writeFileSync(
      join(data, "meta.properties"),
      `version=1\nnode.id=1\ncluster.id=${CLUSTER}\ndirectory.id=${randomId()}\n`,
    );
    writeFileSync(
      join(this.folder, "server.properties"),
      [
        "process.roles=broker,controller",
        "node.id=1",
        `controller.quorum.voters=1@127.0.0.1:${controller}`,
        `listeners=CLIENT://127.0.0.1:${this.port},CONTROLLER://127.0.0.1:${controller}`,
        `advertised.listeners=CLIENT://127.0.0.1:${this.port}`,
        "controller.listener.names=CONTROLLER",
        "inter.broker.listener.name=CLIENT",
        `listener.security.protocol.map=CLIENT:${protocol},CONTROLLER:PLAINTEXT`,
        `log.dirs=${data}`,
        "offsets.topic.replication.factor=1",
        "offsets.topic.num.partitions=1",
        "transaction.state.log.replication.factor=1",
        "transaction.state.log.min.isr=1",
        "transaction.state.log.num.partitions=1",
        "share.coordinator.state.topic.replication.factor=1",
        "share.coordinator.state.topic.min.isr=1",
        "group.initial.rebalance.delay.ms=0",
        // One that was killed is let in again after this time.
        "broker.session.timeout.ms=1500",
        "broker.heartbeat.interval.ms=300",
        "log.cleaner.backoff.ms=300",
        "log.cleaner.dedupe.buffer.size=4194304",
        ...lines,
      ].join("\n"),
    );
  }
}

const randomId = (): string => Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("base64url");

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const done = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", () => done(true));
    socket.once("error", () => done(false));
  });
}
