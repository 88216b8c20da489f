/** What `install-service` does, step by step; each says first what it is. */
import { spawnSync } from "node:child_process";
import { constants, existsSync, readFileSync } from "node:fs";
import { chmod, lchown, lstat, mkdir, open, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SAMPLE_CONFIG } from "../../config/sample.ts";
import { describeError, FustorError } from "../../sdk/index.ts";
import { type ServiceFacts, unitText } from "./unit.ts";

export interface Step {
  readonly what: string;
  /** Absent: there is nothing to do. */
  readonly run?: () => Promise<void>;
}

export interface InstallFacts extends ServiceFacts {
  /** Everything is put below it; "/" is this machine. */
  readonly root: string;
  /** The text of the package's unit. */
  readonly template: string;
}

const UNIT = "/etc/systemd/system/fustor-agent.service";

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Of this machine also those that another service than /etc/passwd knows. */
export function accountOf({ root, user }: Pick<InstallFacts, "root" | "user">): Account | undefined {
  const lines = root === "/" ? spawnSync("getent", ["passwd", user], { encoding: "utf8" }).stdout : passwdOf(root);
  const found = (lines ?? "").split("\n").find((line) => line.startsWith(`${user}:`));
  const [, , uid, gid] = found?.split(":") ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

function passwdOf(root: string): string {
  const file = join(root, "etc/passwd");
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function must(command: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (error !== undefined) throw new FustorError("FUSTOR_INTERNAL", `${command}: ${describeError(error)}`);
  if (status !== 0) throw new FustorError("FUSTOR_INTERNAL", `${command}: ${stderr.trim() || `exit code ${status}`}`);
}

function userStep(facts: InstallFacts): Step {
  const { root, user, home } = facts;
  if (accountOf(facts) !== undefined) return { what: `the user ${user} is there` };
  const where = root === "/" ? [] : ["--prefix", root];
  const how = ["--system", "--user-group", "--home-dir", home, "--no-create-home", "--shell", "/usr/sbin/nologin"];
  return {
    what: `make the user ${user}, without a login: useradd ${[...where, ...how, user].join(" ")}`,
    run: async () => must("useradd", [...where, ...how, user]),
  };
}

function owner(facts: InstallFacts): Account {
  const account = accountOf(facts);
  if (account === undefined) throw new FustorError("FUSTOR_INTERNAL", `the user ${facts.user} was not made`);
  return account;
}

/** With what lacks above it. Everybody may enter them, whatever the umask of root is: the user has to reach its home. */
async function makeOpenFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755);
}

function homeStep(facts: InstallFacts): Step {
  const { root, user, home } = facts;
  const folder = join(root, home);
  if (existsSync(folder)) return { what: `the home ${home} is there and stays as it is` };
  return {
    what: `make the home ${home}, for ${user} alone (mode 0700)`,
    run: async () => {
      await makeOpenFolder(dirname(folder));
      // Not with what may have come there meanwhile.
      await mkdir(folder, { mode: 0o700 });
      const { uid, gid } = owner(facts);
      // A link in its place is not followed.
      await lchown(folder, uid, gid);
    },
  };
}

function configurationStep(facts: InstallFacts): Step {
  const { root, user, home } = facts;
  const file = join(root, home, "agent-config.yaml");
  const others = ["agent-config.yml", "agent-config"].map((name) => join(root, home, name));
  if ([file, ...others].some(existsSync)) return { what: `the configuration in ${home} stays as it is` };
  return {
    what: `write a sample configuration, ${join(home, "agent-config.yaml")} (mode 0600, of ${user})`,
    run: async () => {
      const { uid, gid } = owner(facts);
      // The user may write the folder: nothing that stands there is followed or replaced.
      const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
      const handle = await open(file, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600);
      await handle.writeFile(SAMPLE_CONFIG);
      await handle.chown(uid, gid);
      await handle.close();
    },
  };
}

function unitStep(facts: InstallFacts): Step {
  const file = join(facts.root, UNIT);
  const text = unitText(facts.template, facts);
  const earlier = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (earlier === text) return { what: `the unit ${UNIT} is there as it should be` };
  const old = earlier === undefined ? "" : `; the one that is there becomes ${UNIT}.old`;
  return {
    what: `write the unit ${UNIT}${old}`,
    run: async () => {
      await makeOpenFolder(dirname(file));
      if (earlier !== undefined) await rename(file, `${file}.old`);
      await writeFile(file, text, { mode: 0o644, flag: "wx" });
      await chmod(file, 0o644);
    },
  };
}

function managerStep({ root }: InstallFacts): Step {
  if (root !== "/") return { what: `systemd is not told: ${root} is not this machine` };
  if (!existsSync("/run/systemd/system")) return { what: "systemd does not run here, so it is not told" };
  return {
    what: "have systemd read it: systemctl daemon-reload",
    run: async () => must("systemctl", ["daemon-reload"]),
  };
}

export const stepsOf = (facts: InstallFacts): readonly Step[] => [
  userStep(facts),
  homeStep(facts),
  configurationStep(facts),
  unitStep(facts),
  managerStep(facts),
];

/** Folders on the way to a file that other users may not enter: the service could not run it. */
export async function closedTo(file: string): Promise<string | undefined> {
  for (let folder = dirname(file); folder !== "/"; folder = dirname(folder)) {
    if (((await lstat(folder)).mode & 0o001) === 0) return folder;
  }
  return undefined;
}
