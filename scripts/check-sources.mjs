// `native/sources.txt` names every C++ source once, for CMake and for node-gyp. This checks that it names what is on disk;
// `--write` brings it up to date.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const NATIVE = resolve(import.meta.dirname, "..", "native");
const LIST = join(NATIVE, "sources.txt");

const onDisk = ["addon", "src"].flatMap((folder) =>
  readdirSync(join(NATIVE, folder), { recursive: true })
    .filter((name) => name.endsWith(".cc"))
    .map((name) => `${folder}/${name}`)
    .sort(),
);

if (process.argv.includes("--write")) {
  writeFileSync(LIST, `${onDisk.join("\n")}\n`);
  console.log(`native/sources.txt names ${onDisk.length} sources`);
  process.exit(0);
}

const listed = readFileSync(LIST, "utf8").split("\n").filter(Boolean);
const problems = [
  ...onDisk.filter((name) => !listed.includes(name)).map((name) => `native/${name} is not in native/sources.txt`),
  ...listed
    .filter((name) => !onDisk.includes(name))
    .map((name) => `native/sources.txt names ${name}, which does not exist`),
  ...listed.filter((name, i) => listed.indexOf(name) !== i).map((name) => `native/sources.txt names ${name} twice`),
];
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error("run `node scripts/check-sources.mjs --write`");
  process.exit(1);
}
console.log("the list of native sources is complete");
