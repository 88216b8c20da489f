/** What a test that mounts needs to know first. */
import { execFileSync } from "node:child_process";

/** Mounting takes root, and a container may forbid it even then. */
export function canMount(): boolean {
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"], { stdio: "ignore" });
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}
