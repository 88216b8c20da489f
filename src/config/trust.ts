/**
 * Who may change what the agent obeys. As OpenSSH's StrictModes: home, configuration folder, configuration files and
 * `.env` have to belong to us or to root, and nobody else may write them. A group may where it has no other member (the
 * private group that many systems give each user), and so may group 0, which is root's. What cannot be written at all,
 * because its file system is read-only, is trusted whatever its mode says: a ConfigMap is 0777.
 */
import { accessSync, constants, readFileSync, type Stats } from "node:fs";
import { userText } from "./file-trouble.ts";

export interface Distrust {
  /** Completes "the path ...". */
  readonly what: string;
  readonly cure: string;
}

/** The system's lists of users and groups, as text. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

const textOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

export const systemAccounts = (): Accounts => ({ passwd: textOf("/etc/passwd"), group: textOf("/etc/group") });

const fieldsOf = (text: string): readonly (readonly string[])[] => text.split("\n").map((line) => line.split(":"));

/**
 * Whether nobody but this user is in the group. One that the system's files do not list counts when it has the user's
 * number.
 */
export function isPrivateGroup(gid: number, uid: number, { passwd, group }: Accounts): boolean {
  if (gid === 0) return true;
  const users = fieldsOf(passwd);
  const name = users.find((fields) => fields[2] === String(uid))?.[0];
  const others = users.some((fields) => fields[3] === String(gid) && fields[2] !== String(uid));
  if (others) return false;
  const listed = fieldsOf(group).find((fields) => fields[2] === String(gid));
  if (listed === undefined) return gid === uid;
  const members = (listed[3] ?? "").split(",").filter((member) => member !== "");
  const isNamedAlike = gid === uid || listed[0] === name;
  return isNamedAlike && members.every((member) => member === name);
}

type Rights = Pick<Stats, "uid" | "gid" | "mode">;

const rightsText = ({ mode }: Rights): string => (mode & 0o7777).toString(8).padStart(4, "0");

/** Why others may change what has these rights; undefined when they may not. */
export function distrustOf(
  rights: Rights,
  me: number,
  accounts: () => Accounts = systemAccounts,
): Distrust | undefined {
  const { uid, gid, mode } = rights;
  if (uid !== me && uid !== 0) {
    const who = userText(uid);
    const others = me === 0 ? ` and not to ${userText(0)}` : `, neither to ${userText(me)} nor to root`;
    return {
      what: `belongs to ${who}${others}`,
      cure: `run the command as ${who}, or change the owner`,
    };
  }
  if ((mode & 0o002) !== 0)
    return { what: `can be written by every user (mode ${rightsText(rights)})`, cure: "run: chmod go-w" };
  if ((mode & 0o020) === 0 || isPrivateGroup(gid, uid, accounts())) return undefined;
  return { what: `can be written by the group ${gid} (mode ${rightsText(rights)})`, cure: "run: chmod g-w" };
}

/** Nobody can write it through this mount. */
export function isReadOnly(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}
