// `npm run build:prebuilt [-- platform...]`: compiles the addon for every platform into packages/PLATFORM, with zig, and checks what it needs.
import { copyFileSync, existsSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { findObstacles, glibcNeeded, inspectAddon } from "./elf.mjs";
import { inputsHash, markPacked } from "./freshness.mjs";
import { PLATFORMS, packedAddon, ROOT } from "./platforms.mjs";
import { main, mustRun, PackageError } from "./run.mjs";
import { zigTools } from "./zig.mjs";

const HEADERS = ["node_modules/node-api-headers/include", "node_modules/node-addon-api"].map((path) =>
  join(ROOT, path),
);

function compile(platform, tools) {
  const tree = join(ROOT, "build", "prebuilt", platform.name);
  if (!existsSync(join(tree, "CMakeCache.txt"))) rmSync(tree, { recursive: true, force: true });
  const settings = {
    CMAKE_TOOLCHAIN_FILE: join(ROOT, "native", "zig.cmake"),
    CMAKE_BUILD_TYPE: "Release",
    CMAKE_JS_INC: HEADERS.join(";"),
    FUSTOR_ZIG_TARGET: platform.zigTarget,
    FUSTOR_ZIG_TOOLS: tools,
  };
  const defines = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
  // A cache for other compilers does not know zig, which has one of its own.
  const env = { ...process.env, CMAKE_CXX_COMPILER_LAUNCHER: "" };
  mustRun(`configuring ${platform.name}`, "cmake", ["-S", "native", "-B", tree, ...defines], { env });
  mustRun(`compiling ${platform.name}`, "cmake", ["--build", tree, "--parallel", String(availableParallelism())], {
    env,
  });
  return join(tree, "fustor_agent.node");
}

function build(platform, tools, hash) {
  const begin = performance.now();
  const built = compile(platform, tools);
  const addon = inspectAddon(built);
  const obstacles = findObstacles(addon, platform);
  if (obstacles.length > 0)
    throw new PackageError(`the addon for ${platform.name} cannot be packed: ${obstacles.join("; ")}`);
  const target = packedAddon(platform.name);
  copyFileSync(built, `${target}.${process.pid}`);
  renameSync(`${target}.${process.pid}`, target);
  markPacked(platform.name, hash);
  const needs = platform.libc === "glibc" ? `glibc ${glibcNeeded(addon)}` : "musl";
  console.log(`${platform.name}: needs ${needs}, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}

await main("build:prebuilt", () => {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !PLATFORMS.some((platform) => platform.name === name));
  if (unknown.length > 0) {
    throw new PackageError(`unknown platform ${unknown.join(", ")} (${PLATFORMS.map(({ name }) => name).join(", ")})`);
  }
  const hash = inputsHash();
  const tools = zigTools();
  for (const platform of PLATFORMS)
    if (asked.length === 0 || asked.includes(platform.name)) build(platform, tools, hash);
});
