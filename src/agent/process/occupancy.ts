/** Who has taken a home, for those who have not: the commands, and a start before it tries. */
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { isFustorError } from "../../sdk/index.ts";
import { fetchStatus } from "../control/control-client.ts";
import { readRecord, runningAgent } from "../identity/instance-record.ts";
import { isSame, type ProcessIdentity } from "../identity/process-identity.ts";
import { probeLock } from "./native-lock.ts";

export type Occupancy =
  | { readonly kind: "nobody" }
  /** A process of this machine and this pid namespace, known beyond doubt: it may be signalled. */
  | { readonly kind: "here"; readonly agent: ProcessIdentity }
  /** In another container, on another machine, or its pid file is lost: nobody here can name its process. */
  | { readonly kind: "elsewhere"; readonly named: ProcessIdentity | undefined };

const KNOCK_MS = 1000;

/** File systems without locks: no agent can have started there. */
const NO_LOCKS = new Set(["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"]);

function isLocked(home: string): boolean {
  const path = join(home, "agent.lock");
  try {
    return probeLock(path) === "held";
  } catch (error) {
    if (NO_LOCKS.has((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw fileTrouble(error, path, "opened");
  }
}

/** Whether somebody answers on the home's own socket. */
export async function answers(home: string): Promise<boolean> {
  try {
    await fetchStatus(home, KNOCK_MS);
    return true;
  } catch (error) {
    if (isFustorError(error, "FUSTOR_AGENT_STOPPED")) return false;
    if (isFustorError(error, "FUSTOR_INTERNAL")) return true;
    throw error;
  }
}

/** Throws FUSTOR_HOME_UNUSABLE when this user may not look. */
export async function occupancyOf(home: string): Promise<Occupancy> {
  const agent = await runningAgent(home);
  if (agent !== undefined) return { kind: "here", agent };
  // The lock is the truth; where its file was removed, the socket still tells.
  if (!isLocked(home) && !(await answers(home))) return { kind: "nobody" };
  return { kind: "elsewhere", named: (await readRecord(home))?.agent };
}

/** Whether the home is still taken by the one who was found there. */
export async function isStillThere(home: string, before: Occupancy): Promise<boolean> {
  const now = await occupancyOf(home);
  if (now.kind === "nobody" || before.kind === "nobody") return false;
  const [earlier, later] = [before, now].map((each) => (each.kind === "here" ? each.agent : each.named));
  return earlier === undefined || later === undefined || isSame(earlier, later);
}
