/** The mounts of /proc/self/mountinfo, and what their types mean for a watch. */

export interface Mount {
  readonly place: string;
  readonly type: string;
  /** What is mounted: a device, a server's path. */
  readonly from: string;
  readonly readOnly: boolean;
}

/** The kernel writes spaces and the like as three octal digits. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ", 2);
    const place = before.split(" ")[4];
    const [type, from = ""] = after.split(" ");
    if (place === undefined || type === undefined || type === "") return [];
    const options = `${before.split(" ")[5] ?? ""},${after.split(" ").slice(2).join(" ")}`.split(",");
    return [{ place: unescaped(place), type, from: unescaped(from), readOnly: options.includes("ro") }];
  });
}

const isBelow = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);

/** The mount that a real path lies on: the deepest one, and of those at one place the last. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  return mounts
    .filter(({ place }) => isBelow(path, place))
    .reduce<Mount | undefined>(
      (found, each) => (found === undefined || each.place.length >= found.place.length ? each : found),
      undefined,
    );
}

/** No files: scan and watch never enter them (mount_table.cc of the engine). */
const PSEUDO = new Set(["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "debugfs", "tracefs"]);

export const mountsBelow = (root: string, mounts: readonly Mount[]): readonly Mount[] =>
  mounts.filter(({ place, type }) => place !== root && isBelow(place, root) && !PSEUDO.has(type));

/** As `changes_elsewhere` of the engine (mount_table.cc): others change what lies there without an event in this kernel. */
export const REMOTE_TYPES: readonly string[] = [
  ...["nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "lustre", "gpfs", "beegfs", "afs", "9p", "virtiofs", "fuse"],
  ...["gfs2", "ocfs2", "coda", "orangefs", "pvfs2", "panfs", "ncpfs"],
];

export const changesElsewhere = (type: string): boolean => type.startsWith("fuse.") || REMOTE_TYPES.includes(type);

export const mountText = ({ type, from, place, readOnly }: Mount): string =>
  `${type} of ${from} at ${place}${readOnly ? ", read-only" : ""}`;
