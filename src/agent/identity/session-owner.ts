/**
 * Whose session a remembered one is. It is deleted by a later run only when the run that opened it has ended for
 * certain: the session of an agent that lives, in a clone of this machine perhaps, must not be taken away. Without
 * proof it is left to expire.
 */
import type { SessionOwner } from "../../sdk/state-store.ts";
import { folderIdentity } from "./instance-record.ts";
import { identityOf, isAlive, isOfOwnWorld, isSame, type ProcessIdentity, parseIdentity } from "./process-identity.ts";

interface Owner {
  readonly process: ProcessIdentity;
  readonly folder: string;
}

function parseOwner(text: string): Owner | undefined {
  const words = text.split(" ");
  const process = parseIdentity(words.slice(0, 4).join("\n"));
  return process === undefined ? undefined : { process, folder: words[4] ?? "" };
}

/**
 * For the holder of the home's lock. `isSameHardware`: this machine is certainly the one where the home was used
 * before.
 */
export async function ownerOf(home: string, isSameHardware: boolean): Promise<SessionOwner> {
  const self = await identityOf(process.pid);
  const folder = (await folderIdentity(home)) ?? "";
  const text = self === undefined ? "" : [self.pid, self.startTicks, self.bootId, self.pidNamespace, folder].join(" ");
  return {
    self: text,
    isGone: async (written) => {
      const owner = parseOwner(written ?? "");
      if (owner === undefined) return false;
      if (self !== undefined && isSame(owner.process, self)) return true;
      if (await isOfOwnWorld(owner.process)) return !(await isAlive(owner.process));
      // Another container on this machine had this very home, whose lock is ours now.
      const sameBoot = self !== undefined && owner.process.bootId === self.bootId;
      if (sameBoot) return folder !== "" && owner.folder === folder;
      // Another boot is over when it was this machine's.
      return isSameHardware;
    },
  };
}
