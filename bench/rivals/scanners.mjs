/**
 * Who reads a tree, and how each of them is asked: name, size and times of every entry, links not followed, the answer thrown away.
 * `speaks`: ends with a line of JSON that tells its own time without the start of its runtime. `count`: prints a line an entry.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { nativeTool } from "../support/native-tools.mjs";
import { INTEROP_PYTHON, withoutCommand, withoutInteropModule, withoutPackage } from "./installed.mjs";

const script = (name) => fileURLToPath(new URL(`./scan/${name}`, import.meta.url));
const inNode = (file) => (root) => [process.execPath, script(file), root];

/** Size, times, kind, inode and path: what a row of ours holds. */
const COLUMNS = "%s %T@ %C@ %y %i %P\\n";

const fd = ["fdfind", "fd"].find((name) => spawnSync(name, ["--version"]).error === undefined) ?? "fdfind";

export const BARE = "bare C++ scan";
export const OURS = "fustor, through Node";

export const scanners = [
  { name: BARE, speaks: true, command: (root) => [nativeTool("bare_scan"), root, "2"] },
  { name: OURS, speaks: true, command: inNode("ours.mjs") },
  { name: "find -printf", count: true, command: (root) => ["find", root, "-printf", COLUMNS] },
  {
    name: "bfs -printf",
    count: true,
    unless: () => withoutCommand("bfs", "bfs"),
    command: (root) => ["bfs", root, "-printf", COLUMNS],
  },
  {
    // Without a condition on the size fd stats nothing; +0b is true of everything, but of files only.
    name: "fd with stat",
    count: true,
    unless: () => withoutCommand(fd, "fd-find"),
    command: (root) => [fd, "--unrestricted", "--size", "+0b", ".", root],
  },
  { name: "du", command: (root) => ["du", "--summarize", root] },
  {
    name: "rsync --list-only",
    count: true,
    unless: () => withoutCommand("rsync", "rsync"),
    command: (root) => ["rsync", "--list-only", "--recursive", `${root}/`],
  },
  { name: "node readdirSync + lstatSync", speaks: true, command: inNode("node-sync.mjs") },
  { name: "node fs.promises", speaks: true, command: inNode("node-promises.mjs") },
  { name: "fdir + lstatSync", speaks: true, unless: () => withoutPackage("fdir"), command: inNode("fdir.mjs") },
  { name: "fast-glob", speaks: true, unless: () => withoutPackage("fast-glob"), command: inNode("fast-glob.mjs") },
  { name: "@parcel/watcher snapshot", speaks: true, command: inNode("parcel.mjs") },
  {
    name: "Python scandir + stat",
    speaks: true,
    unless: () => withoutCommand("python3", "python3"),
    command: (root) => ["python3", script("scandir.py"), root],
  },
  {
    name: "Python Fustor agent's snapshot",
    speaks: true,
    unless: () => withoutInteropModule("fustor_source_fs"),
    command: (root) => [INTEROP_PYTHON, script("python_agent.py"), root],
  },
];
