import type { AgentStatus, PipeReport } from "../../../src/agent/agent-status.ts";
import { zeroCounts } from "../../../src/pipe/counters.ts";
import { idleStatus } from "../../../src/pipe/pipe-status.ts";

export const examplePipe: PipeReport = {
  ...idleStatus("research", "running", "leader, live"),
  role: "leader",
  session: "99d2f67b",
  snapshot: "complete",
  snapshotRows: 104_233,
  rowsSent: { message: 8_731, snapshot: 104_233, audit: 0, on_demand_job: 0 },
  batchesSent: 190,
  lagMs: 14.2,
  committedIndex: 1_790_000_000_123,
  source: "lab-files",
  sender: { id: "to-fusion", driver: "fusion", uri: "http://localhost:8102" },
  deadLetterFile: "/home/agent/dead-letter/p1.jsonl",
};

export const exampleStatus: AgentStatus = {
  state: "running",
  version: "0.1.0",
  agentId: "7c0e8a52-8f7b-4f0e-9d4b-5a35b1b8c111",
  pid: 4711,
  startedAt: "2026-01-02T03:04:05.000Z",
  uptimeMs: 93_784_000,
  home: "/home/lab/.fustor",
  configDir: "/home/lab/.fustor",
  rssBytes: 78_643_200,
  cpu: { userMs: 5200, systemMs: 800, percent: 0.4 },
  descriptors: { exhausted: false, limit: 1_048_576 },
  console: { state: "listening", url: "http://localhost:8100" },
  pipes: [
    examplePipe,
    {
      ...examplePipe,
      id: "scratch",
      source: "scratch-files",
      snapshot: "running",
      snapshotRows: 41_000,
      snapshotExpectedRows: 90_000,
      backlog: 312,
      info: "snapshot is running beside the live stream",
    },
    {
      ...examplePipe,
      id: "archive",
      source: "archive-files",
      state: "waiting_for_source",
      info: "/mnt/archive is not there; waiting for it",
      snapshot: "none",
      snapshotRows: 0,
      rowsSent: zeroCounts("rowsSent"),
    },
    {
      ...examplePipe,
      id: "second-site",
      state: "key_refused",
      info: "Fusion refuses the key; next try in 60 s",
      lastError: "401 Invalid API key from 127.0.0.1:9102",
      failures: 7,
      snapshot: "none",
      snapshotRows: 0,
      rowsSent: zeroCounts("rowsSent"),
    },
  ],
  sources: [
    {
      ids: ["lab-files"],
      driver: "fs",
      uri: "/data/research",
      status: { availability: { state: "available" }, entries: 104_233 },
    },
    {
      ids: ["scratch-files", "scratch-too"],
      driver: "fs",
      uri: "/data/scratch",
      status: { availability: { state: "starting" } },
    },
    {
      ids: ["archive-files"],
      driver: "fs",
      uri: "/mnt/archive",
      status: { availability: { state: "unavailable", reason: "no such directory" } },
    },
  ],
};
