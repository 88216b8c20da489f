// `npm run test:package [-- --quick] [-- --only WORD]`: what `npm run pack:all` made is installed into empty folders, without registry, scripts and compiler, and used
// as a new user would. --quick: only with the Node that runs this, as root and as another user. Otherwise with Node 20, 22 and 24, and on an arm64
// processor (qemu) and with musl as far as this machine has what that needs; what was not tried is said.
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { arm64Machine, muslMachine, otherNode, thisMachine } from "./machines.mjs";
import { readManifest, TARBALLS } from "./platforms.mjs";
import { mustRun, PackageError } from "./run.mjs";
import { checkTarball } from "./tarball.mjs";
import { Tryout } from "./tryout.mjs";

const quick = process.argv.includes("--quick");
/** `--only musl`: the machines whose name holds this word. */
const only = process.argv.includes("--only") ? (process.argv[process.argv.indexOf("--only") + 1] ?? "") : "";
const whole = join(TARBALLS, `fustor-agent-${readManifest().version}.tgz`);
const isRoot = process.getuid() === 0;

function plan(work) {
  const users = isRoot ? ["root", "another user"] : ["this user"];
  const own = users.map((user) => [`this Node as ${user}`, () => thisMachine(work, { user })]);
  if (quick) return own;
  const other = (user) => (major) => [`Node ${major} as ${user}`, () => otherNode(work, { major, user })];
  return [
    ...own,
    ...users.flatMap((user) => [20, 22, 24].map(other(user))),
    ...[22, 24].map((major) => [`Node ${major} with musl`, () => muslMachine(work, { major })]),
    ...[20, 22, 24].map((major) => [`Node ${major} on arm64`, () => arm64Machine(work, { major })]),
  ];
}

/** A copy that another user may read. */
function npmIn(work) {
  const folder = process.env.npm_execpath
    ? resolve(dirname(process.env.npm_execpath), "..")
    : join(mustRun("finding npm", "npm", ["root", "--global"]).trim(), "npm");
  cpSync(folder, join(work, "npm"), { recursive: true });
  return join(work, "npm", "bin", "npm-cli.js");
}

async function tryOne(name, make, tools) {
  const begin = performance.now();
  let machine;
  try {
    machine = await make();
    await new Tryout(machine, tools).run();
    console.log(`ok   ${machine.name}  ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    return true;
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    console.log(machine === undefined ? `FAIL ${name} cannot be tried: ${error.message}` : `FAIL ${error.message}`);
    return false;
  } finally {
    machine?.end();
  }
}

if (!existsSync(whole)) {
  console.error(`test:package: ${whole} is missing: run \`npm run pack:all\` first`);
  process.exit(1);
}
const work = mkdtempSync(join(tmpdir(), "fustor-package-"));
chmodSync(work, 0o755);
let failed = 0;
let passed = 0;
try {
  for (const problem of await checkTarball(whole, work)) {
    console.log(`FAIL the tarball: ${problem}`);
    failed++;
  }
  const tools = { npm: npmIn(work), tarballs: [whole] };
  for (const [name, make] of plan(work).filter(([each]) => each.includes(only))) {
    if (await tryOne(name, make, tools)) passed++;
    else failed++;
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
