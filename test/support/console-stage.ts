/** The console of an agent that is made up: many pipes, each kind of trouble, an hour of history. */
import type { AdminPort } from "../../src/admin/admin-port.ts";
import { History } from "../../src/admin/history.ts";
import type { AgentStatus, PipeReport, SourceReport } from "../../src/agent/agent-status.ts";
import { startConsole } from "../../src/console/console-server.ts";
import { idleStatus } from "../../src/pipe/pipe-status.ts";
import { silentLogger } from "../../src/sdk/index.ts";
import { adminPortWith } from "./admin-port.ts";

const ENGINE = { fileSystem: "ext4", engine: "fanotify", reason: "the agent may watch whole file systems", count: 1 };

const watched = {
  directories: 18_204,
  tableBytes: 9_830_400,
  watchesUsed: 1,
  watchesLimit: 1_048_576,
  engines: [ENGINE],
  unwatched: {},
  cures: {},
  unreadableBy: {},
  unanswered: [],
  lostMounts: [],
  rawEvents: 1_204_331,
  overflows: 0,
  resyncs: 1,
  lastResyncReason: "start",
  queueDepth: 3,
  sweep: { state: "idle", number: 0, corrupted: 0, corruptedPaths: [] },
};

const CURE = "8192 are watched, the kernel grants 8192: sysctl fs.inotify.max_user_watches=36044";

export const sourceOf = (id: string, uri: string, facts: object = {}): SourceReport => ({
  ids: [id],
  driver: "fs",
  uri,
  status: { availability: { state: "available" }, entries: 204_233, ...watched, ...facts } as SourceReport["status"],
});

export const pipeOf = (id: string, source: string, facts: Partial<PipeReport> = {}): PipeReport => ({
  ...idleStatus(id, "running", "leading"),
  role: "leader",
  session: "99d2f67b",
  snapshot: "complete",
  snapshotRows: 204_233,
  rowsSent: { message: 8731, snapshot: 204_233, audit: 0, on_demand_job: 0 },
  bytesSent: 48_230_400,
  lagMs: 14,
  source,
  sender: { id: "to-fusion", driver: "fusion", uri: "http://fusion.example:8102" },
  deadLetterFile: `/var/lib/fustor-agent/dead-letter/${id}.jsonl`,
  ...facts,
});

const SNAPSHOT = {
  snapshot: "running",
  snapshotRows: 3_104_000,
  snapshotExpectedRows: 9_000_000,
  snapshotRowsPerSecond: 41_200,
  snapshotEtaMs: 143_000,
} as const;

const SWEEP = {
  state: "running",
  number: 2,
  progress: {
    mode: "hash",
    looked: 61_000,
    expected: 204_233,
    readBytes: 81_604_378_624,
    entriesPerSecond: 412,
    bytesPerSecond: 188_743_680,
    etaMs: 347_000,
  },
  corrupted: 0,
  corruptedPaths: [],
};

export const SHOWN: AgentStatus = {
  state: "running",
  version: "0.1.0",
  agentId: "7c0e8a52-8f7b-4f0e-9d4b-5a35b1b8c111",
  pid: 4711,
  startedAt: "2026-01-02T03:04:05.000Z",
  uptimeMs: 93_784_000,
  home: "/var/lib/fustor-agent",
  configDir: "/var/lib/fustor-agent",
  rssBytes: 94_371_840,
  cpu: { userMs: 5200, systemMs: 800, percent: 2.4 },
  descriptors: { exhausted: false, limit: 65_536 },
  console: { state: "off" },
  pipes: [
    pipeOf("research", "lab-files", { backlog: 12 }),
    pipeOf("scratch", "scratch-files", { ...SNAPSHOT, backlog: 312, info: "leading" }),
    pipeOf("archive", "archive-files", {
      state: "waiting_for_source",
      info: "/mnt/archive: no such directory",
      snapshot: "none",
      snapshotRows: 0,
    }),
    pipeOf("second-site", "lab-files", {
      ...idleStatus("second-site", "reconnecting", "attempt 7 failed, next one in 32 s: connect ECONNREFUSED"),
      retry: { failures: 7, nextInMs: 32_000 },
      failures: 7,
      lastError: "connect ECONNREFUSED",
      backlog: 5120,
      backlogAgeMs: 42_000,
      sender: { id: "to-second", driver: "fusion", uri: "https://second.example:8102" },
    }),
  ],
  sources: [
    sourceOf("lab-files", "/data/research", { sweep: SWEEP }),
    sourceOf("scratch-files", "/data/scratch", {
      engines: [{ ...ENGINE, engine: "inotify", reason: "fanotify needs CAP_SYS_ADMIN" }],
      watchesUsed: 8192,
      watchesLimit: 8192,
      unwatched: { budget: { count: 21_845, staleMs: 41_000, examples: ["/run-4711/tiles"] } },
      cures: { budget: CURE },
      unreadableBy: { EACCES: { count: 3, examples: ["/private"] } },
    }),
    sourceOf("archive-files", "/mnt/archive", {
      availability: { state: "unavailable", reason: "/mnt/archive: no such directory" },
      entries: 0,
    }),
  ],
};

/** An hour before now, with a burst in it. */
export function hourOf({ pipes, rssBytes }: AgentStatus): History {
  const history = new History();
  const sent = new Map(pipes.map(({ id }) => [id, 0]));
  for (let at = 0; at < 360; at++) {
    const burst = at > 200 && at < 240 ? 900 : 0;
    const each = pipes.map((pipe, index) => {
      const wave = 40 + 30 * Math.sin((at + index * 40) / 25) + ((at * 7919) % 23) + burst;
      const message = (sent.get(pipe.id) ?? 0) + Math.round(wave * 10);
      sent.set(pipe.id, message);
      const rowsSent = { message, snapshot: 0, audit: 0, on_demand_job: 0 };
      return {
        ...pipe,
        rowsSent,
        backlog: burst === 0 ? (at * 31) % 17 : burst + at,
        lagMs: 9 + burst / 10 + ((at * 13) % 7),
      };
    });
    const cpu = { userMs: at * 140 + burst * 3, systemMs: 0, percent: 0 };
    history.note({ pipes: each, rssBytes: rssBytes + at * 20_000, cpu }, Date.now() - (360 - at) * 10_000);
  }
  return history;
}

export interface MadeUp {
  readonly status: () => AgentStatus;
  readonly own?: Partial<AdminPort>;
  readonly isReadOnly?: boolean;
  readonly port?: number;
  readonly token?: string;
}

export const STAGE_TOKEN = "the-token-of-the-stage";

/** The caller closes it. */
export async function consoleOf({ status, own, isReadOnly = false, port = 0, token = STAGE_TOKEN }: MadeUp) {
  const admin = adminPortWith({ status, history: hourOf(status()), ...own });
  const place = { host: "localhost", port };
  const server = await startConsole({ place, token, maxBacklogAgeMs: 60_000, isReadOnly, admin, logger: silentLogger });
  if (server.state.state !== "listening") throw new Error(`no console: ${JSON.stringify(server.state)}`);
  return { origin: new URL(server.state.url).origin, close: () => server.close() };
}
