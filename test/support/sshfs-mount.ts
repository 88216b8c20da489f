/** A folder seen through sshfs, without any ssh: a FUSE file system that has neither hard links nor sockets. */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { waitFor } from "./wait-for.ts";

const SERVERS = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];

/** A mount whose daemon can be stopped: from then on it does not answer. */
export interface StoppableMount {
  /** What the mount shows, on the disk. */
  readonly behind: string;
  stop(): void;
  resume(): void;
}

/** Mounts a folder of its own at `place`, which exists; unmounted, and what waits for it released, when the test ends. */
export async function mountStoppable(place: string): Promise<StoppableMount> {
  const server = SERVERS.find((path) => existsSync(path));
  if (server === undefined) throw new Error("this test needs sshfs and OpenSSH's sftp-server");
  const base = mkdtempSync(join(tmpdir(), "fustor-sshfs-"));
  const [behind, script] = [join(base, "behind"), join(base, "serve")];
  mkdirSync(behind);
  writeFileSync(script, `#!/bin/sh\nexec ${server}\n`);
  chmodSync(script, 0o755);
  // What changes behind it is seen by the next look, not when a cache of its own has aged.
  const options = `ssh_command=${script},attr_timeout=1,entry_timeout=1,dir_cache=no`;
  const daemon = spawn("sshfs", ["-f", "-o", options, `x:${behind}`, place], { stdio: "ignore" });
  onTestFinished(() => {
    daemon.kill("SIGCONT");
    execFileSync("fusermount3", ["-u", "-z", place], { timeout: 20_000 });
    daemon.kill("SIGKILL");
    rmSync(base, { recursive: true, force: true });
  });
  const mounts = (): string => readFileSync("/proc/self/mountinfo", "utf8");
  await waitFor(() => mounts().includes(` ${place} `), { timeoutMs: 20_000, what: "sshfs is mounted" });
  return { behind, stop: () => void daemon.kill("SIGSTOP"), resume: () => void daemon.kill("SIGCONT") };
}

/** Resolves with the mount point; unmounted and removed when the test ends. */
export function mountWithoutLinks(): string {
  const server = SERVERS.find((path) => existsSync(path));
  if (server === undefined) throw new Error("this test needs sshfs and OpenSSH's sftp-server");
  const base = mkdtempSync(join(tmpdir(), "fustor-sshfs-"));
  const [behind, mount, script] = [join(base, "behind"), join(base, "mount"), join(base, "serve")];
  mkdirSync(behind);
  mkdirSync(mount);
  writeFileSync(script, `#!/bin/sh\nexec ${server}\n`);
  chmodSync(script, 0o755);
  execFileSync("sshfs", ["-o", `ssh_command=${script},disable_hardlink`, `x:${behind}`, mount], { timeout: 20_000 });
  onTestFinished(() => {
    execFileSync("fusermount3", ["-u", "-z", mount], { timeout: 20_000 });
    rmSync(base, { recursive: true, force: true });
  });
  return mount;
}
