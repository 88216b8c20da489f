// `node scripts/build.mjs [native|gyp|ts|page|drivers]...`: builds the addon (cmake-js), dist/ (tsc and rolldown) and dist/ of the packages of
// drivers; without arguments all of them, as `npm ci` does.
// `gyp` is the second way to the same addon, for machines without CMake. Quiet unless something fails.
import { spawnSync } from "node:child_process";
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, delimiter, dirname, join, relative, resolve } from "node:path";
import { buildPage } from "./build-page.mjs";
import { buildStamp } from "./build-stamps.mjs";
import { bundle } from "./bundle.mjs";
import { driverFolders } from "./package/driver-packages.mjs";

const ROOT = resolve(import.meta.dirname, "..");
const CMAKE_TREE = join(ROOT, "build", "cmake");
const ADDON = join(ROOT, "build", "Release", "fustor_agent.node");

class BuildError extends Error {}

function onPath(program) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** One line with everything that is missing, because nobody likes to install tools one by one. */
function requireTools(tools) {
  const missing = tools.filter(({ anyOf }) => !anyOf.some((program) => onPath(program)));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(" and ");
  throw new BuildError(
    `building the addon needs ${names}: apt-get install -y ${tools.map(({ debian }) => debian).join(" ")}`,
  );
}

const COMPILER = { name: "a C++ compiler", anyOf: ["g++", "c++", "clang++"], debian: "g++" };
const CMAKE = { name: "CMake", anyOf: ["cmake"], debian: "cmake" };
const MAKE = { name: "make", anyOf: ["make"], debian: "make" };
const MAKE_OR_NINJA = { name: "make", anyOf: ["make", "ninja"], debian: "make" };
const PYTHON = { name: "Python 3", anyOf: ["python3", "python"], debian: "python3" };

function run(command, args, environment = {}) {
  const result = spawnSync(command, args, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 256 << 20,
    env: { ...process.env, ...environment },
  });
  if (result.error) throw new BuildError(`${command}: ${result.error.message}`);
  return { ok: result.status === 0, output: `${result.stdout}${result.stderr}` };
}

function mustRun(what, command, args, environment) {
  const { ok, output } = run(command, args, environment);
  if (ok) return;
  process.stderr.write(output);
  throw new BuildError(`${what} failed`);
}

function nodeModule(name) {
  const folder = join(ROOT, "node_modules", name);
  if (!existsSync(folder)) throw new BuildError(`node_modules/${name} is missing: run \`npm ci\``);
  return folder;
}

/** Never a half-written file under the final name: a running agent, or a test beside us, may be loading it. */
function install(built) {
  mkdirSync(dirname(ADDON), { recursive: true });
  if (existsSync(ADDON) && readFileSync(ADDON).equals(readFileSync(built))) return;
  const fresh = `${ADDON}.${process.pid}`;
  copyFileSync(built, fresh);
  renameSync(fresh, ADDON);
}

function buildNative() {
  requireTools([COMPILER, CMAKE, MAKE_OR_NINJA]);
  const cmakeJs = (command) => {
    const options = ["-d", "native", "-O", CMAKE_TREE, "-l", "warn", "-p", String(availableParallelism())];
    return [join(nodeModule("cmake-js"), "bin", "cmake-js"), command, ...options];
  };
  nodeModule("node-addon-api");
  // A tree that was configured elsewhere, or for a tool that is gone, cannot be configured again: start afresh.
  const stale = existsSync(join(CMAKE_TREE, "CMakeCache.txt"));
  if (!stale || !run(process.execPath, cmakeJs("configure")).ok) {
    rmSync(CMAKE_TREE, { recursive: true, force: true });
    mustRun("cmake", process.execPath, cmakeJs("configure"));
  }
  mustRun("compiling the addon", process.execPath, cmakeJs("build"));
  install(join(CMAKE_TREE, "Release", "fustor_agent.node"));
}

/** npm brings node-gyp along: the npm that runs us, or the one beside node. */
function findNodeGyp() {
  const npmRoots = [];
  if (process.env.npm_execpath) npmRoots.push(resolve(process.env.npm_execpath, "..", ".."));
  npmRoots.push(resolve(process.execPath, "..", "..", "lib", "node_modules", "npm"));
  if (onPath("npm")) npmRoots.push(join(run("npm", ["root", "--global"]).output.split("\n")[0] ?? "", "npm"));
  for (const npm of npmRoots) {
    const script = join(npm, "node_modules", "node-gyp", "bin", "node-gyp.js");
    if (existsSync(script)) return script;
  }
  throw new BuildError(`node-gyp was not found in npm's own modules (looked in ${npmRoots.join(", ")})`);
}

function findNodeHeaders() {
  const prefix = resolve(process.execPath, "..", "..");
  const headers = join(prefix, "include", "node");
  if (existsSync(join(headers, "node_api.h"))) return prefix;
  throw new BuildError(
    `Node's headers are missing: ${headers}/node_api.h (use Node's own distribution, or \`npm run build:native\`, which needs none)`,
  );
}

function buildGyp() {
  requireTools([COMPILER, MAKE, PYTHON]);
  nodeModule("node-addon-api");
  const nodeGyp = findNodeGyp();
  const options = [`--nodedir=${findNodeHeaders()}`, `--jobs=${availableParallelism()}`, "--loglevel=error"];
  mustRun("node-gyp configure", process.execPath, [nodeGyp, "configure", ...options]);
  // What CMake put there is newer than what make would copy there.
  rmSync(ADDON, { force: true });
  mustRun("node-gyp build", process.execPath, [nodeGyp, "build", ...options]);
  if (!existsSync(ADDON)) throw new BuildError(`node-gyp did not make ${ADDON}`);
}

const filesBelow = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
        .sort()
    : [];

const sameContent = (one, other) => {
  const names = filesBelow(one);
  if (names.join("\n") !== filesBelow(other).join("\n")) return false;
  return names.every((name) => readFileSync(join(one, name)).equals(readFileSync(join(other, name))));
};

/** As install(): what runs from dist/ finds all files of one build, never a half-written one, nor one whose source was renamed. */
function installFolder(built, folder) {
  if (sameContent(built, folder)) return rmSync(built, { recursive: true });
  const old = `${built}.old`;
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(built, folder);
  rmSync(old, { recursive: true, force: true });
}

/** What every compilation reads. */
const COMPILER_INPUTS = ["package-lock.json", "tsconfig.json", "packages/tsconfig.json", "scripts/build.mjs"];

/** Types are checked by `npm run typecheck`. `finish` gets what the compiler wrote before it goes where it belongs. */
async function compile({ project, name, inputs, output, finish = () => undefined }) {
  const stamp = buildStamp({ name, inputs: [...COMPILER_INPUTS, ...inputs], output });
  if (stamp.holds()) return;
  const fresh = join(ROOT, "build", `${name}.${process.pid}`);
  rmSync(fresh, { recursive: true, force: true });
  try {
    const tsc = join(nodeModule("typescript"), "bin", "tsc");
    mustRun("tsc", process.execPath, [tsc, "-p", join(ROOT, project), "--noCheck", "--outDir", fresh]);
    await finish(fresh);
    installFolder(fresh, join(ROOT, output));
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  stamp.write();
}

/** Where the agent looks for it: src/console/page-files.ts. */
const PAGE = join("console", "page");

async function makePage(folder) {
  try {
    await buildPage(folder);
  } catch (error) {
    throw new BuildError(`the console: ${error.message}`);
  }
}

/** Alone, in a dist/ that is there. */
async function refreshPage() {
  const fresh = join(ROOT, "build", `page.${process.pid}`);
  await makePage(fresh);
  installFolder(fresh, join(ROOT, "dist", PAGE));
}

const buildTypescript = () =>
  compile({
    project: "tsconfig.build.json",
    name: "dist",
    inputs: ["tsconfig.build.json", "src", "scripts/bundle.mjs", "scripts/build-page.mjs"],
    output: "dist",
    async finish(folder) {
      await bundle(folder);
      await makePage(join(folder, PAGE));
      chmodSync(join(folder, "cli", "main.js"), 0o755);
    },
  });

/** Against the SDK as it stands in src/. */
async function buildDrivers() {
  for (const folder of driverFolders().map((each) => relative(ROOT, each))) {
    const project = join(folder, "tsconfig.json");
    if (!existsSync(join(ROOT, project))) continue;
    const inputs = ["src/sdk", project, join(folder, "src")];
    await compile({ project, name: basename(folder), inputs, output: join(folder, "dist") });
  }
}

const STEPS = {
  native: { name: "addon", build: buildNative },
  gyp: { name: "addon (node-gyp)", build: buildGyp },
  ts: { name: "dist", build: buildTypescript },
  page: { name: "console", build: refreshPage },
  drivers: { name: "drivers", build: buildDrivers },
};

const asked = process.argv.slice(2);
const unknown = asked.filter((step) => !Object.hasOwn(STEPS, step));
if (unknown.length > 0) {
  console.error(`build: unknown step ${unknown.join(", ")} (${Object.keys(STEPS).join(", ")})`);
  process.exit(64);
}
for (const step of asked.length > 0 ? asked : ["native", "ts", "drivers"]) {
  const { name, build } = STEPS[step];
  const begin = performance.now();
  try {
    await build();
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
  console.log(`build: ${name} ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}
