/** An agent of the fleet: the product's pipe and sender on a tree in memory, and a note of everything that it asks of Fusion. */
const { BusPool } = await import("../../../src/bus/bus-pool.ts");
const { Pipe } = await import("../../../src/pipe/pipe.ts");
const { systemAmbience } = await import("../../../src/pipe/system-ambience.ts");
const { FustorError, silentLogger } = await import("../../../src/sdk/index.ts");
const { FusionSender } = await import("../../../src/senders/fusion/fusion-sender.ts");
const { FakeSource } = await import("../../../test/support/fake-source.ts");
const { FakeStore } = await import("../../../test/support/fake-store.ts");

/** The product's defaults, but for the intervals, which Fusion names. */
const SETTINGS = {
  errorRetryIntervalMs: 5000,
  maxConsecutiveErrors: 5,
  backoffMultiplier: 2,
  maxBackoffMs: 60_000,
  fieldsMapping: [],
  batchEvents: 100,
  eventRows: 100,
  batchBytes: 4 << 20,
  auditIntervalMs: 600_000,
  sentinelIntervalMs: 120_000,
  snapshotPauseLagMs: 500,
};
const BUS = { maxChanges: 10_000, maxBytes: 1 << 24 };

const KINDS = { createSession: "session", heartbeat: "heartbeat", getSentinelTasks: "sentinel" };

/** Of an audit its end is noted as well: that many audits there were. */
const kindOf = (method, args) => (method === "push" ? pushKind(args[1]) : KINDS[method]);
const pushKind = ({ sourceType, isEnd }) => (sourceType === "audit" && isEnd ? "end of an audit" : sourceType);

export class FleetAgent {
  name;
  /** Dead: its calls go nowhere. */
  isCut = false;
  #parts;
  #pipe;
  #lease;

  /** `note(kind)` is called for each request. `dice` false: those that spread requests in time all fall on the same number. */
  constructor({ name, receiver, entries, note, dice }) {
    this.name = name;
    this.#parts = { receiver, entries, note, dice };
  }

  async start() {
    const { receiver, entries, dice } = this.#parts;
    const pool = new BusPool(systemAmbience, silentLogger);
    this.#lease = await pool.acquire(this.name, () => treeOf(entries), BUS);
    const options = { uri: receiver.url, key: receiver.pushKey, timeoutMs: 30_000 };
    const sender = new FusionSender({ id: this.name, logger: silentLogger }, options);
    this.#pipe = new Pipe({
      settings: { ...SETTINGS, id: receiver.pipeId, taskId: `${this.name}:${receiver.pipeId}` },
      source: this.#lease.source,
      sender: this.#recorded(sender),
      bus: this.#lease.bus,
      store: new FakeStore(),
      logger: silentLogger,
      ambience: dice ? systemAmbience : { ...systemAmbience, random: () => 0.5 },
    });
    void this.#pipe.run();
  }

  status() {
    return this.#pipe.status();
  }

  async stop() {
    await this.#pipe?.stop({ deadlineMs: 0 });
    await this.#lease?.release();
  }

  #recorded(sender) {
    const call =
      (method, value) =>
      (...args) => {
        const kind = kindOf(method, args);
        if (kind !== undefined && this.isCut)
          return Promise.reject(new FustorError("FUSTOR_SENDER_UNREACHABLE", "this agent is dead"));
        if (kind !== undefined) this.#parts.note(kind);
        return value.apply(sender, args);
      };
    return new Proxy(sender, {
      get(target, method) {
        const value = Reflect.get(target, method, target);
        return typeof value === "function" ? call(method, value) : value;
      },
    });
  }
}

/** Ten files a directory. */
function treeOf(entries) {
  const source = new FakeSource();
  for (let at = 0; at < entries; at++) {
    const directory = `/d${Math.floor(at / 11)}`;
    if (at % 11 === 0) source.mkdir(directory, 1_700_000_000, true);
    else source.write(`${directory}/f${at}`, at, 1_700_000_000, true);
  }
  return source;
}
