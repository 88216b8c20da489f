// What a tarball of ours must and must not hold.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { ROOT } from "./platforms.mjs";
import { mustRun } from "./run.mjs";

const filesBelow = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Everything that is wrong with it, one line each. */
export function checkTarball(tarball, work) {
  const folder = join(work, "unpacked");
  mkdirSync(folder);
  mustRun("unpacking", "tar", ["-xzf", tarball, "-C", folder, "--strip-components=1"]);
  const own = filesBelow(folder).filter((file) => !relative(folder, file).startsWith("node_modules"));
  return [...own.flatMap((file) => wrongWith(file, folder)), ...wrongWithScripts(folder)];
}

function wrongWith(file, folder) {
  const name = relative(folder, file);
  const text = readFileSync(file, "utf8");
  const problems = [];
  if (name.endsWith(".map") || text.includes("//# sourceMappingURL"))
    problems.push(`${name} is or names a source map without its source`);
  // The contract suites are for tests of others.
  if (/^dist\/(?!sdk\/testing\/).*(testing|fake)/.test(name)) problems.push(`${name} is for tests`);
  if (text.includes(ROOT)) problems.push(`${name} names ${ROOT}`);
  if (name.endsWith(".md"))
    problems.push(...deadLinks(file, text, folder).map((link) => `${name} links to ${link}, which is not there`));
  return problems;
}

function deadLinks(file, text, folder) {
  const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link]) => link);
  return links.filter((link) => {
    if (/^[a-z]+:/.test(link)) return false;
    const target = resolve(dirname(file), link);
    return !target.startsWith(folder) || !existsSync(target);
  });
}

/** npm would run these on the machine where it is installed. */
function wrongWithScripts(folder) {
  const { scripts = {}, bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const problems = ["preinstall", "install", "postinstall"]
    .filter((name) => name in scripts)
    .map((name) => `it has the script ${name}`);
  if (existsSync(join(folder, "binding.gyp"))) problems.push("it has a binding.gyp, which npm would build");
  for (const program of Object.values(bin)) {
    if ((statSync(join(folder, program)).mode & 0o111) === 0) problems.push(`${program} is no program`);
  }
  return problems;
}
