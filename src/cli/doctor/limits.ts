/** What the kernel grants: inotify, open files, capabilities. */
import { DescriptorBudget } from "../../agent/descriptor-budget.ts";
import { sourceSignature } from "../../agent/source-signature.ts";
import type { AgentConfig, PipeConfig, SourceConfig } from "../../config/model.ts";
import { describeError } from "../../sdk/index.ts";
import { type Finding, note, ok, problem } from "./finding.ts";
import { hasCapability, inotifyInstances, isInUserNamespace, openFiles, type Proc, sysctl } from "./proc.ts";

const setSysctl = (name: string, value: number): string =>
  `sysctl -w ${name}=${value}; echo ${name}=${value} > /etc/sysctl.d/60-fustor-agent.conf`;

const count = (value: number): string => value.toLocaleString("en-US");

export const isWhole = (proc: Proc): boolean =>
  hasCapability(proc, "CAP_SYS_ADMIN") === true &&
  hasCapability(proc, "CAP_DAC_READ_SEARCH") === true &&
  !isInUserNamespace(proc);

export interface WatchNeeds {
  /** At least one source may need an inotify watch for each directory. */
  readonly usesInotify: boolean;
  /** Entries of the largest file system that is watched so: there cannot be more directories. */
  readonly mostEntries: number | undefined;
}

const MANY_WATCHES = 1_048_576;
const FEW_QUEUED = 16_384;

export function watchFindings(proc: Proc, { usesInotify, mostEntries }: WatchNeeds): readonly Finding[] {
  const watches = sysctl(proc, "fs.inotify.max_user_watches");
  const instances = sysctl(proc, "fs.inotify.max_user_instances");
  const queued = sysctl(proc, "fs.inotify.max_queued_events");
  if (watches === undefined || instances === undefined || queued === undefined) {
    return [note("limits", "the kernel does not say how many inotify watches it grants (no /proc/sys/fs/inotify)")];
  }
  const granted = `inotify: ${count(watches)} watches, ${count(instances)} instances, ${count(queued)} queued events`;
  if (!usesInotify) return [ok("limits", `${granted}; no source needs a watch for each directory`)];
  return [
    watchesFinding(granted, watches, mostEntries),
    ...instancesFinding(proc, instances),
    ...(queued >= FEW_QUEUED ? [] : [queueNote(queued)]),
  ];
}

function watchesFinding(granted: string, watches: number, mostEntries: number | undefined): Finding {
  const enough = mostEntries !== undefined && watches >= mostEntries;
  if (enough || watches >= MANY_WATCHES) return ok("limits", granted);
  const of = mostEntries === undefined ? "" : `, and up to ${count(mostEntries)} entries lie there`;
  const what = `${granted}: each directory takes a watch${of}; directories beyond the limit are polled (poll_interval_sec)`;
  return note("limits", what, { cure: setSysctl("fs.inotify.max_user_watches", MANY_WATCHES) });
}

/** One for each source, and other programs of the user have theirs. */
function instancesFinding(proc: Proc, instances: number): readonly Finding[] {
  const used = inotifyInstances(proc, process.geteuid?.() ?? 0);
  if (instances - used > 8) return [];
  const what = `${used} of ${instances} inotify instances of this user are taken: without one a source polls everything`;
  const cure = setSysctl("fs.inotify.max_user_instances", Math.max(1024, instances * 2));
  return [used >= instances ? problem("limits", what, { cure }) : note("limits", what, { cure })];
}

const queueNote = (queued: number): Finding =>
  note(
    "limits",
    `the kernel queues ${count(queued)} inotify events: a burst of more makes the agent list the whole tree again`,
    { cure: setSysctl("fs.inotify.max_queued_events", FEW_QUEUED * 4) },
  );

/** The agent's own arithmetic: as many pipes as would be refused one at the start. */
export function descriptorFinding(proc: Proc, config: AgentConfig, pipes: readonly PipeConfig[]): Finding {
  const { soft, hard } = openFiles(proc);
  const whose = proc.pid === "self" ? "this shell" : `the agent (PID ${proc.pid})`;
  const limit = soft === undefined ? "no limit" : count(soft);
  const granted = `open files: ${limit}${hard === undefined || hard === soft ? "" : `, at most ${count(hard)}`} in ${whose}`;
  const budget = new DescriptorBudget(() => soft ?? null, OTHERS);
  try {
    for (const pipe of pipes) {
      const source = config.sources.get(pipe.source);
      budget.take(source === undefined ? pipe.source : sourceSignature(source));
    }
  } catch (error) {
    return problem("limits", `${granted}: ${describeError(error)}`, {
      cure: "LimitNOFILE=65536 in the unit (systemctl edit fustor-agent), ulimit -n 65536 in a shell",
    });
  }
  const needed = pipes.length === 1 ? "1 pipe" : `${pipes.length} pipes`;
  return ok("limits", `${granted}: enough for ${needed}`);
}

/** What an agent has open before its first pipe, about. */
const OTHERS = 30;

const MEANS = {
  CAP_SYS_ADMIN: "one fanotify watch for a whole file system, else one inotify watch for each directory",
  CAP_DAC_READ_SEARCH: "directories are listed whatever their permissions, else what the user may not read is left out",
} as const;

const CAPABILITY_CURE =
  "in the unit: AmbientCapabilities=CAP_DAC_READ_SEARCH CAP_SYS_ADMIN (docs/install.md); docker: --cap-add for both";

export function capabilityFindings(proc: Proc, sources: readonly SourceConfig[]): readonly Finding[] {
  const whose = proc.pid === "self" ? "this user" : `the agent (PID ${proc.pid})`;
  const wanted = sources.filter(({ driver }) => driver === "fs");
  const demanded = wanted.filter(({ driverParams }) => driverParams.engine === "fanotify");
  const missing = (["CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH"] as const).filter((name) => !hasCapability(proc, name));
  if (missing.length === 0) {
    const what = `${whose} has CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH`;
    if (!isInUserNamespace(proc)) return [ok("capabilities", what)];
    return [
      note("capabilities", `${what}, but of a user namespace: fanotify does not accept them`, {
        cure: "run the agent outside of the user namespace, or leave it at inotify",
      }),
    ];
  }
  return missing.map((name) => {
    const what = `${whose} lacks ${name}: with it, ${MEANS[name]}`;
    if (demanded.length === 0) return note("capabilities", what, { cure: CAPABILITY_CURE });
    const ids = demanded.map(({ id }) => id).join(", ");
    return problem("capabilities", `${what}; engine: fanotify of ${ids} cannot run without it`, {
      cure: `${CAPABILITY_CURE}; or engine: auto`,
    });
  });
}
