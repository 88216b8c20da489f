// What an addon needs of the machine that loads it, read with binutils' readelf (which reads every architecture).
import { GLIBC_FLOOR } from "./platforms.mjs";
import { mustRun } from "./run.mjs";

const GLIBC_LIBRARIES =
  /^(libc\.so\.6|libm\.so\.6|libpthread\.so\.0|libdl\.so\.2|librt\.so\.1|ld-linux-[\w-]+\.so\.\d)$/;
const MUSL_LIBRARIES = /^(libc\.so|libc\.musl-\w+\.so\.1)$/;
const ENTRIES = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];

const readelf = (...args) => mustRun("readelf", "readelf", args, { env: { ...process.env, LC_ALL: "C" } });
const matches = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, found]) => found))];

export function inspectAddon(file) {
  return {
    machine: matches(readelf("--file-header", file), /Machine:\s+(.+)/g)[0],
    libraries: matches(readelf("--dynamic", "--wide", file), /Shared library: \[(.+)\]/g),
    versions: matches(readelf("--version-info", "--wide", file), /Name: (\w+?_[\d.]+)/g),
    exports: matches(
      readelf("--dyn-syms", "--wide", file),
      /(?:GLOBAL|WEAK|UNIQUE) +DEFAULT +(?:\d+|ABS) +(?!GLIBC)([^\s@]+)/g,
    ),
  };
}

const compareVersions = (a, b) => a.localeCompare(b, "en", { numeric: true });

/** For example "2.28"; undefined when it needs no glibc. */
export function glibcNeeded({ versions }) {
  const glibc = versions.filter((name) => name.startsWith("GLIBC_")).map((name) => name.slice("GLIBC_".length));
  return glibc.sort(compareVersions).at(-1);
}

/** Everything that keeps the addon from running on the platform; empty when nothing does. */
export function findObstacles(addon, { name, libc, elfMachine }, floor = GLIBC_FLOOR) {
  const obstacles = [];
  if (addon.machine !== elfMachine) obstacles.push(`it is for ${addon.machine}, not for ${elfMachine}`);
  const known = libc === "glibc" ? GLIBC_LIBRARIES : MUSL_LIBRARIES;
  for (const library of addon.libraries.filter((library) => !known.test(library))) {
    obstacles.push(`it needs ${library}, which ${name} may not have`);
  }
  const needed = glibcNeeded(addon);
  if (libc === "musl" && needed !== undefined) obstacles.push(`it needs glibc ${needed}`);
  if (libc === "glibc" && needed !== undefined && compareVersions(needed, floor) > 0) {
    obstacles.push(`it needs glibc ${needed}, newer than ${floor}`);
  }
  for (const version of addon.versions.filter((version) => /^(GLIBCXX|CXXABI)_/.test(version))) {
    obstacles.push(`it needs ${version} of the C++ library`);
  }
  for (const entry of ENTRIES.filter((entry) => !addon.exports.includes(entry))) obstacles.push(`it lacks ${entry}`);
  const others = addon.exports.filter((symbol) => !ENTRIES.includes(symbol));
  if (others.length > 0)
    obstacles.push(`it exports ${others.slice(0, 3).join(", ")} (${others.length} symbols too many)`);
  return obstacles;
}
