/**
 * Everything that the doctor looks at. It changes nothing: no session is opened, no file is written, and a running agent
 * notices a question on its control socket at most. What the product checks itself is checked by the product's own
 * code; only what it finds out by trying (limits, ports, clocks) is looked at here.
 */
import { fetchStatus } from "../../agent/control/control-client.ts";
import { resolveHome } from "../../config/home.ts";
import { configDirOf } from "../../config/load.ts";
import type { AgentConfig, ConsoleConfig, PipeConfig, SenderConfig, SourceConfig } from "../../config/model.ts";
import { distrustOfPath } from "../../config/trusted-files.ts";
import { listDrivers } from "../../drivers/installed-drivers.ts";
import { describeError } from "../../sdk/index.ts";
import { type Configured, configured } from "./configuration.ts";
import { consoleFinding } from "./console-port.ts";
import { type Finding, note, ok, problem } from "./finding.ts";
import { type HomeLook, occupied, rightsFindings, spaceFindings, userFindings } from "./home.ts";
import { capabilityFindings, descriptorFinding, isWhole, watchFindings } from "./limits.ts";
import { addonFinding, kernelFinding } from "./machine.ts";
import { parseMounts } from "./mounts.ts";
import { type Proc, processText } from "./proc.ts";
import { runningFindings } from "./running.ts";
import { senderFindings } from "./senders.ts";
import { entriesAt, inspected, rootFindings } from "./sources.ts";

export interface ExamineOptions {
  /** What the start would take: it knows the environment, too. Undefined: there is to be no page. Throws. */
  consoleOf(configured: ConsoleConfig): ConsoleConfig | undefined;
  /** Default: /proc. */
  readonly procRoot?: string;
}

const DEFAULT_LOG = { maxBytes: 64 * 1024 * 1024, keepFiles: 4 };

export async function examine(options: ExamineOptions): Promise<readonly Finding[]> {
  const home = resolveHome(process.env);
  const { config, pipes, findings: configuration } = await configured();
  const configDir = config?.configDir ?? configDirOf();
  const look: HomeLook = { home, configDir, logging: config?.logging ?? { ...DEFAULT_LOG, dir: configDir } };
  const addon = addonFinding();
  // Without the addon nobody can tell who holds the lock.
  const { occupancy, findings: agent } =
    addon.severity === "problem" ? { occupancy: { kind: "nobody" } as const, findings: [] } : await occupied(look);
  const proc: Proc = {
    root: options.procRoot ?? "/proc",
    pid: occupancy.kind === "here" ? `${occupancy.agent.pid}` : "self",
  };
  const isRunning = occupancy.kind !== "nobody";
  const parts = await Promise.all([
    [kernelFinding(), addon],
    configuration,
    [...userFindings(home), ...rightsFindings(look)],
    spaceFindings(look),
    agent,
    isRunning ? askAgent(home, config) : page(config, options),
    driverFindings(home, config),
    config === undefined ? [] : partsOf(config, pipes, proc),
  ]);
  return withoutDoubles(parts.flat());
}

/** The loader's warning about a root is the finding of its source as well. */
function withoutDoubles(findings: readonly Finding[]): readonly Finding[] {
  const sources = findings.filter(({ check, severity }) => check === "source" && severity === "problem");
  return findings.filter(
    ({ check, severity, what }) =>
      check !== "configuration" || severity !== "note" || !sources.some((each) => what.endsWith(`: ${each.what}`)),
  );
}

async function askAgent(home: string, config: AgentConfig | undefined): Promise<readonly Finding[]> {
  try {
    return runningFindings(await fetchStatus(home), config?.console.maxBacklogAgeMs ?? 60_000);
  } catch (error) {
    const cure =
      "fustor-agent restart; if that hangs, kill the process that agent.pid names, then fustor-agent start -D";
    return [problem("agent", describeError(error), { cure })];
  }
}

async function page(config: AgentConfig | undefined, { consoleOf }: ExamineOptions): Promise<readonly Finding[]> {
  if (config === undefined) return [];
  try {
    return [await consoleFinding(consoleOf(config.console))];
  } catch (error) {
    return [problem("console", describeError(error), { cure: "correct FUSTOR_CONSOLE_PORT" })];
  }
}

/** One that cannot be used is a problem to those who use it. */
async function driverFindings(home: string, config: AgentConfig | undefined): Promise<readonly Finding[]> {
  const entries = config === undefined ? [] : [...config.sources.values(), ...config.senders.values()];
  const used = new Set(entries.filter(({ disabled }) => !disabled).map(({ driver }) => driver));
  const installed = (await listDrivers({ home, distrust: distrustOfPath })).filter(
    ({ origin }) => origin !== "built in",
  );
  return installed.map(({ kind, name, version, package: from = "", trouble }) => {
    if (trouble === undefined) return ok("driver", `${kind} ${name} of ${from} ${version} loads`, { about: name });
    const cure = `fustor-agent drivers add ${from} (another version), or fustor-agent drivers remove ${from}`;
    const rest = { about: name, cure };
    const what = `${kind} ${name} of ${from}: ${trouble}`;
    return used.has(name) ? problem("driver", what, rest) : note("driver", `${what}; nothing uses it`, rest);
  });
}

/** Those that the pipes need; all that are not switched off when no pipe would start. */
function inUse<T extends SourceConfig | SenderConfig>(
  all: ReadonlyMap<string, T>,
  ids: readonly string[],
): readonly T[] {
  const wanted = new Set(ids);
  return [...all.values()].filter(({ id, disabled }) => !disabled && (wanted.size === 0 || wanted.has(id)));
}

async function partsOf(
  config: NonNullable<Configured["config"]>,
  pipes: readonly PipeConfig[],
  proc: Proc,
): Promise<readonly Finding[]> {
  const sources = inUse(
    config.sources,
    pipes.map(({ source }) => source),
  );
  const senders = inUse(
    config.senders,
    pipes.map(({ sender }) => sender),
  );
  const [ofSources, ofSenders] = await Promise.all([
    sourcesFindings(config, sources, proc),
    Promise.all(senders.map((sender) => senderFindings(sender, config.drivers))),
  ]);
  return [descriptorFinding(proc, config, pipes), ...ofSources, ...ofSenders.flat()];
}

async function sourcesFindings(
  config: AgentConfig,
  sources: readonly SourceConfig[],
  proc: Proc,
): Promise<readonly Finding[]> {
  const look = { mounts: parseMounts(processText(proc, "mountinfo")), hasFanotify: isWhole(proc) };
  const findings: Finding[] = [];
  const entries: (number | undefined)[] = [];
  const trees = sources.filter(({ driver }) => driver === "fs");
  for (const source of sources) {
    const module = config.drivers.source(source.driver);
    const wrong = module === undefined ? [] : await inspected(source, module);
    findings.push(...wrong);
    // A root that does not answer would hold up every further look.
    if (wrong.length > 0 || !trees.includes(source)) continue;
    findings.push(...(await rootFindings(source, look)));
    entries.push(await entriesAt(source.uri));
  }
  if (trees.length === 0) return findings;
  const usesInotify = trees.some(
    ({ driverParams: { engine } }) => engine === "inotify" || (engine === "auto" && !look.hasFanotify),
  );
  const known = entries.filter((count) => count !== undefined);
  const mostEntries = known.length === entries.length && known.length > 0 ? Math.max(...known) : undefined;
  return [...watchFindings(proc, { usesInotify, mostEntries }), ...capabilityFindings(proc, trees), ...findings];
}
