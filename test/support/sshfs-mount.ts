/** A folder seen through sshfs, without any ssh: a FUSE file system that has neither hard links nor sockets. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const SERVERS = ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server"];

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
