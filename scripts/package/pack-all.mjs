// `npm run pack:all [-- --here]`: every tarball into build/tarballs. With --here without the addons of other platforms, and with the one that was
// built on this machine, which takes seconds instead of minutes.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { driverFolders } from "./driver-packages.mjs";
import { PLATFORMS, packageFolder, packedAddon, ROOT, readManifest, TARBALLS } from "./platforms.mjs";
import { main, mustRun, PackageError } from "./run.mjs";

const here = process.argv.includes("--here");

/** Returns the tarball's name. */
function pack(folder, ...options) {
  const args = ["pack", folder, "--json", "--pack-destination", TARBALLS, ...options];
  const said = mustRun(`packing ${folder}`, "npm", args, { stdio: ["ignore", "pipe", "inherit"] });
  const start = said.indexOf("[") === -1 ? said.indexOf("{") : said.indexOf("[");
  const [packed] = Object.values(JSON.parse(said.slice(start)));
  const paths = packed.files.map(({ path }) => path);
  console.log(
    `${join("build", "tarballs", packed.filename)}  ${Math.ceil(packed.size / 1024)} KiB, ${paths.length} files`,
  );
  return paths;
}

/** One tarball that is whole must hold whatever stands in its manifest: it has to install where no registry is. */
function checkWhole(paths) {
  const { bundleDependencies, dependencies, optionalDependencies } = readManifest();
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    if (!bundleDependencies.includes(name))
      throw new PackageError(`package.json: ${name} is not in bundleDependencies`);
    if (!paths.includes(`node_modules/${name}/package.json`)) throw new PackageError(`the tarball lacks ${name}`);
  }
  const foreign = paths.find((path) => /^(packages|node_modules\/@fustor\/(source|sender)-[^/]*)\//.test(path));
  if (foreign !== undefined) throw new PackageError(`the tarball holds a driver: ${foreign}`);
}

await main("pack:all", () => {
  if (!here)
    mustRun("build:prebuilt", process.execPath, [join(import.meta.dirname, "build-prebuilt.mjs")], {
      stdio: "inherit",
    });
  rmSync(TARBALLS, { recursive: true, force: true });
  mkdirSync(TARBALLS, { recursive: true });
  checkWhole(pack(ROOT));
  for (const { name } of PLATFORMS) if (existsSync(packedAddon(name))) pack(packageFolder(name));
  mustRun("building the drivers", process.execPath, [join(ROOT, "scripts", "build.mjs"), "drivers"]);
  // Each would compile itself once more.
  for (const folder of driverFolders()) pack(folder, "--ignore-scripts");
});
