/** What is there at the root of each source, and how the agent will notice changes. */
import { opendir, realpath, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import type { SourceConfig } from "../../config/model.ts";
import type { AnyDriverModule } from "../../sdk/index.ts";
import { type Finding, note, ok, problem } from "./finding.ts";
import { changesElsewhere, type Mount, mountOf, mountsBelow, mountText } from "./mounts.ts";

export interface SourceLook {
  readonly mounts: readonly Mount[];
  /** Fanotify will be granted. */
  readonly hasFanotify: boolean;
}

/** The driver's own look: the one that `validate` and `start` take. A missing root stops its pipes, so it is a problem. */
export async function inspected(source: SourceConfig, module: AnyDriverModule): Promise<readonly Finding[]> {
  const found = (await module.inspect?.({ uri: source.uri, params: source.driverParams })) ?? [];
  return found.map(({ key, what, cure }) =>
    problem("source", what, { about: source.id, cure: cureOf(source, key, what, cure) }),
  );
}

function cureOf({ uri, origin }: SourceConfig, key: string, what: string, cure: string): string {
  const edit = `${key} at ${origin.file}:${origin.line}`;
  if (!what.endsWith("does not exist")) return `${cure} (${edit})`;
  return `mount ${uri}, or mkdir -p ${uri} if it is to be empty, or correct ${edit}; the agent notices by itself`;
}

/** Facts of a root that answers. */
export async function rootFindings(source: SourceConfig, look: SourceLook): Promise<readonly Finding[]> {
  const { id, uri } = source;
  const root = await realpath(uri).catch(() => uri);
  const mount = mountOf(root, look.mounts);
  const below = mountsBelow(root, look.mounts);
  const where = mount === undefined ? uri : `${uri} (${mountText(mount)})`;
  const findings = [ok("source", `${where}: ${watchText(source, mount, look)}${belowText(below)}`, { about: id })];
  return [
    ...findings,
    ...remoteFindings(source, [...(mount === undefined ? [] : [mount]), ...below]),
    ...crossingFindings(source, below),
    ...canaryFindings(source, mount),
    ...(await caseFindings(source, root)),
  ];
}

function watchText({ driverParams }: SourceConfig, mount: Mount | undefined, { hasFanotify }: SourceLook): string {
  const { engine, remote_poll_interval_sec: remote } = driverParams;
  if (engine === "poll" || engine === "parcel") return `engine ${engine}, as configured`;
  const way =
    engine === "inotify" || !hasFanotify ? "watched by inotify" : "watched by fanotify where it has file handles";
  const polls = mount !== undefined && changesElsewhere(mount.type) && engine === "auto" && remote !== 0;
  return polls ? `${way}, and polled every ${remote} s` : way;
}

function belowText(below: readonly Mount[]): string {
  if (below.length === 0) return "";
  const types = [...new Set(below.map(({ type }) => type))].join(", ");
  return `; ${below.length} mount${below.length === 1 ? "" : "s"} below it (${types})`;
}

function remoteFindings({ id, driverParams, origin }: SourceConfig, mounts: readonly Mount[]): readonly Finding[] {
  const remote = mounts.filter(({ type }) => changesElsewhere(type));
  const { engine, remote_poll_interval_sec: interval } = driverParams;
  const [first] = remote;
  if (first === undefined || engine === "poll") return [];
  const what = `${first.place} is ${first.type}: what other clients change there causes no event on this machine`;
  if (engine === "auto" && interval !== 0) {
    return [
      note("source", `${what}, so its directories are listed every ${interval} s`, {
        about: id,
        cure: "run the agent on the file server itself, where every change is an event",
      }),
    ];
  }
  const cure = `set driver_params.engine: auto and remote_poll_interval_sec: 10 at ${origin.file}:${origin.line}`;
  return [problem("source", `${what}, and polling is off: only audits find it`, { about: id, cure })];
}

function crossingFindings({ id, driverParams, origin }: SourceConfig, below: readonly Mount[]): readonly Finding[] {
  const [first] = below;
  if (first === undefined || driverParams.cross_mounts !== false) return [];
  const what = `cross_mounts is false: what is mounted below is left out (${first.place})`;
  return [
    note("source", what, { about: id, cure: `cross_mounts: true at ${origin.file}:${origin.line} has it watched` }),
  ];
}

function canaryFindings({ id, driverParams, origin }: SourceConfig, mount: Mount | undefined): readonly Finding[] {
  const { canary_interval_sec: interval } = driverParams;
  if (typeof interval !== "number" || interval === 0 || mount?.readOnly !== true) return [];
  const cure = `set canary_interval_sec: 0 at ${origin.file}:${origin.line}`;
  return [problem("source", "canary_interval_sec needs to write into a root that is read-only", { about: id, cure })];
}

const swapped = (name: string): string =>
  name.replace(/[a-z]/gi, (letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()));

/** Whether another spelling of a name that is there leads to the same file; undefined when no name has letters. */
async function ignoresCase(root: string): Promise<boolean | undefined> {
  const folder = await opendir(root).catch(() => undefined);
  if (folder === undefined) return undefined;
  try {
    for (let seen = 0; seen < 64; seen++) {
      const entry = await folder.read();
      if (entry === null) return undefined;
      if (!/[a-z]/i.test(entry.name) || entry.isSymbolicLink()) continue;
      const [one, other] = await Promise.all(
        [entry.name, swapped(entry.name)].map((name) => stat(join(root, name)).catch(() => undefined)),
      );
      return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
    }
    return undefined;
  } finally {
    await folder.close();
  }
}

async function caseFindings({ id }: SourceConfig, root: string): Promise<readonly Finding[]> {
  if ((await ignoresCase(root)) !== true) return [];
  const what = "the root ignores case: A and a are one file, sent under the name that a listing shows";
  return [note("source", what, { about: id })];
}

/** How many entries the file system holds: there are no more directories. Undefined where it does not count. */
export async function entriesAt(root: string): Promise<number | undefined> {
  const facts = await statfs(root).catch(() => undefined);
  return facts === undefined || facts.files === 0 ? undefined : facts.files - facts.ffree;
}
