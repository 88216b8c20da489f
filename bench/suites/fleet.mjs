/**
 * Question: what do hundreds of agents do to one Fusion, and do they ever all come at once?
 *
 * Two agents for each pipe, each with the product's pipe, sender and defaults on a tree in memory, all in this process, against the
 * embedded Fusion in another one. They start at the same instant; then nothing happens; then every leader dies at the same
 * instant and the followers take over; then Fusion is killed and starts again with nothing in its memory. Every request is noted:
 * the busiest tenth of a second of each kind says whether there is a herd. `--no-dice` takes the randomness out of the agents.
 */
import { setTimeout as pause } from "node:timers/promises";
import "../../scripts/load-ts.mjs";
import { numberOption } from "../support/options.mjs";
import { cpuSeconds, residentBytes } from "../support/process-usage.mjs";
import { circumstances, writeResult } from "../support/report.mjs";
import { FleetAgent } from "./fleet/agent.mjs";
import { Requests } from "./fleet/requests.mjs";

const { killChildren } = await import("../../test/support/child-process.ts");
const { formatColumns } = await import("../../test/support/convergence-table.ts");
const { embeddedFusionCommand } = await import("../../test/support/embedded-fusion.ts");
const { createFusionSeats } = await import("../../test/support/fusion-process.ts");
const { createTempFolder, removeTempFolders } = await import("../../test/support/temp-tree.ts");
const { waitFor } = await import("../../test/support/wait-for.ts");

export const about =
  "hundreds of agents on one Fusion: heartbeats, audits, deaths of all leaders, a Fusion that starts again (5 min)";

export const options = {
  agents: { type: "string", default: "200", help: "two for each pipe" },
  entries: { type: "string", default: "200", help: "of each tree" },
  timeout: { type: "string", default: "12", help: "seconds of a session" },
  audits: { type: "string", default: "40", help: "seconds between two audits" },
  sentinel: { type: "string", default: "10", help: "seconds between two rounds of the sentinel" },
  calm: { type: "string", default: "90", help: "seconds in which nothing happens" },
  "no-dice": { type: "boolean", default: false, help: "agents without randomness, for comparison" },
};

const READY_MS = 120_000;
const LOOK_MS = 250;
const say = (line) => process.stdout.write(`${line}\n`);

class Fleet {
  requests = new Requests();
  #seats;
  #agents;

  constructor(seats, agentsOf) {
    this.#seats = seats;
    this.#agents = seats.flatMap((seat, at) => agentsOf(seat, at, (kind) => this.requests.note(kind)));
  }

  get agents() {
    return this.#agents;
  }

  get fusion() {
    return this.#seats[0];
  }

  /** Those that live, have a session and, when they lead, have ended their snapshot. */
  get ready() {
    const living = this.#agents.filter(({ isCut }) => !isCut);
    return living.filter((agent) => isReady(agent.status())).length;
  }

  /** Pipes with a leader that lives and has ended its snapshot. */
  get led() {
    const leaders = this.#agents.filter((agent) => !agent.isCut && isLeading(agent.status()));
    return new Set(leaders.map((agent) => agent.status().id)).size;
  }

  leaders() {
    return this.#agents.filter((agent) => isLeading(agent.status()));
  }

  /** Seconds until every pipe is led and every living agent ready, with the time at which half of them were led. */
  async settled(what) {
    const begun = performance.now();
    const seconds = () => (performance.now() - begun) / 1000;
    const wanted = this.#seats.length;
    let half;
    const look = () => {
      if (this.led * 2 >= wanted) half ??= seconds();
      return this.led === wanted && this.ready === this.#agents.filter(({ isCut }) => !isCut).length;
    };
    const told = () => `${what}: ${this.led} of ${wanted} pipes are led, ${this.ready} agents ready`;
    await waitFor(look, { timeoutMs: READY_MS, intervalMs: LOOK_MS, what: told });
    return { half, all: seconds() };
  }

  async stop() {
    await Promise.all(this.#agents.map((agent) => agent.stop()));
  }
}

const isLeading = ({ role, snapshot }) => role === "leader" && snapshot === "complete";
const isReady = (status) => status.role === "follower" || isLeading(status);

function settingsOf(values) {
  return {
    agents: 2 * Math.ceil(numberOption(values, "agents", 2) / 2),
    entries: numberOption(values, "entries", 1),
    calmSeconds: numberOption(values, "calm", 1),
    dice: !values["no-dice"],
    fusion: {
      sessionTimeoutSeconds: numberOption(values, "timeout", 1),
      auditIntervalSeconds: numberOption(values, "audits", 0),
      sentinelIntervalSeconds: numberOption(values, "sentinel", 0),
    },
  };
}

async function fleetOf({ agents, entries, dice, fusion }) {
  const seats = await createFusionSeats(embeddedFusionCommand(), Array(agents / 2).fill(fusion), {
    home: createTempFolder("fleet-fusion"),
    endsWithTest: true,
  });
  const pair = ({ receiver }, at, note) =>
    ["a", "b"].map((half) => new FleetAgent({ name: `agent-${at}${half}`, receiver, entries, note, dice }));
  return new Fleet(seats, pair);
}

/** What the fleet asked for since `requests.begin`, with the CPU of both sides. */
async function phase(fleet, name, play) {
  fleet.requests.begin();
  const begun = performance.now();
  const own = process.cpuUsage();
  const played = await play();
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(own);
  const kinds = Object.fromEntries(fleet.requests.kinds().map((kind) => [kind, fleet.requests.of(kind)]));
  say(`${name}: ${seconds.toFixed(1)} s${played === undefined ? "" : `, ${JSON.stringify(played)}`}`);
  return { name, seconds, agentsCpuSeconds: (user + system) / 1e6, kinds, ...played };
}

async function calm(fleet, seconds) {
  const before = cpuSeconds(fleet.fusion.pid());
  await pause(seconds * 1000);
  return { fusionCpuSeconds: cpuSeconds(fleet.fusion.pid()) - before, fusionBytes: residentBytes(fleet.fusion.pid()) };
}

async function deaths(fleet) {
  const dead = fleet.leaders();
  for (const agent of dead) agent.isCut = true;
  return { dead: dead.length, ...(await fleet.settled("after the deaths")) };
}

async function restart(fleet) {
  await fleet.fusion.kill();
  await fleet.fusion.start();
  return fleet.settled("after the restart of Fusion");
}

export async function run(values) {
  const settings = settingsOf(values);
  const fleet = await fleetOf(settings);
  const { calmSeconds } = settings;
  const phases = [];
  try {
    await fleet.fusion.start();
    const start = async () => {
      await Promise.all(fleet.agents.map((agent) => agent.start()));
      return fleet.settled("after the start");
    };
    phases.push(await phase(fleet, "start of all", start));
    phases.push(await phase(fleet, "calm", () => calm(fleet, calmSeconds)));
    phases.push(await phase(fleet, "all leaders die", () => deaths(fleet)));
    for (const agent of fleet.agents) agent.isCut = false;
    phases.push(await phase(fleet, "they come back", () => fleet.settled("after the return")));
    phases.push(await phase(fleet, "Fusion starts again", () => restart(fleet)));
    phases.push(await phase(fleet, "calm after it", () => calm(fleet, calmSeconds)));
  } finally {
    await fleet.stop();
    await killChildren();
    removeTempFolders();
  }
  const rows = phases.flatMap(({ name, kinds }) =>
    Object.entries(kinds).map(([kind, { count, perSecond, busiest }]) => [
      name,
      kind,
      `${count}`,
      perSecond.toFixed(1),
      `${busiest}`,
    ]),
  );
  say(`\n${formatColumns([["", "requests", "count", "a second", "busiest 0.1 s"], ...rows])}`);
  say(writeResult("fleet", { ...circumstances(), settings, phases }));
}
