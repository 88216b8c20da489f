/** Node, kernel, addon: what the agent stands on. */
import { release } from "node:os";
import { findAddon, loadAddon } from "../../native/load.ts";
import { describeError } from "../../sdk/index.ts";
import { agentVersion } from "../../sdk/version.ts";
import { type Finding, note, ok, problem } from "./finding.ts";

/** Before it fanotify cannot report names. */
const FANOTIFY_KERNEL = [5, 9] as const;

export function reportsNames(kernel: string): boolean {
  const [major = 0, minor = 0] = kernel.split(".").map((part) => Number.parseInt(part, 10));
  return major > FANOTIFY_KERNEL[0] || (major === FANOTIFY_KERNEL[0] && minor >= FANOTIFY_KERNEL[1]);
}

export function kernelFinding(kernel: string = release()): Finding {
  const versions = `Linux ${kernel}, Node ${process.versions.node}, fustor-agent ${agentVersion}`;
  if (reportsNames(kernel)) return ok("machine", versions);
  const what = `${versions}: fanotify reports names from Linux 5.9 on, so each directory takes an inotify watch`;
  return note("machine", what, { cure: "none is needed while fs.inotify.max_user_watches suffices" });
}

export function addonFinding(load: typeof loadAddon = loadAddon): Finding {
  try {
    const { engineVersion } = load();
    return ok("addon", `the native addon ${engineVersion} loads (${findAddon().file})`);
  } catch (error) {
    return problem("addon", describeError(error), { cure: "do what the message says; docs/install.md" });
  }
}
