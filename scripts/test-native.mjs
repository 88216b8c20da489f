// The engine's C++ tests (test/native/*_test.cc) under AddressSanitizer and UBSan, with `--tsan` under ThreadSanitizer.
// Further arguments choose test files by a part of their name; `--build` only compiles.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { judgeSkips } from "./allowed-skips.mjs";
import "./load-ts.mjs";

const { PATIENCE } = await import("../test/support/patience.ts");

const ROOT = resolvePath(import.meta.dirname, "..");
const args = process.argv.slice(2);
const threads = args.includes("--tsan");
const wanted = args.filter((argument) => !argument.startsWith("--"));
const folder = join(ROOT, threads ? "build-native-tests-tsan" : "build-native-tests");

function cmake(what, ...cmakeArgs) {
  const result = spawnSync("cmake", cmakeArgs, { cwd: ROOT, encoding: "utf8", maxBuffer: 256 << 20 });
  if (result.error) {
    console.error(`test-native: cmake: ${result.error.message} (apt-get install -y g++ cmake make)`);
    process.exit(1);
  }
  if (result.status === 0) return;
  process.stderr.write(`${result.stdout}${result.stderr}`);
  console.error(`test-native: ${what} failed`);
  process.exit(1);
}

/** The tests of one file. Prints each by name, with all output of the file when one fails. */
async function runTest(name) {
  // ThreadSanitizer wants the address space where it expects it, which newer kernels randomize further.
  const fixed = threads && existsSync("/usr/bin/setarch") ? ["/usr/bin/setarch", "--addr-no-randomize"] : [];
  const [command, ...rest] = [...fixed, join(folder, name)];
  const begun = performance.now();
  const result = await run(command, rest);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const tests = readTests(result.stdout);
  const counts = /(\d+) passed, (\d+) failed\n$/.exec(result.stdout);
  const ok = result.code === 0 && counts !== null;
  console.log(`${ok ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  for (const { verdict, title, took } of tests) console.log(`  ${verdict} ${title} ${took}`);
  if (!ok) {
    process.stdout.write(`${result.stdout}${result.stderr}`);
    failures.push({ name, said: `${withoutPassed(result.stdout)}${result.stderr}` });
  }
  const skips = tests.flatMap(({ title, why }) => (why.length > 0 ? [{ test: title, why: why.join("; ") }] : []));
  if (counts === null) {
    console.log(`${name} ended early (${result.signal ?? `exit ${result.code}`})`);
    return { passed: 0, failed: 1, skips };
  }
  const [passed, failed] = [Number(counts[1]), Number(counts[2])];
  // A sanitizer that complains at the end, for example about a leak.
  return { passed, failed: result.code === 0 ? failed : Math.max(failed, 1), skips };
}

/** What a file printed, but for the tests that passed. */
const withoutPassed = (output) => output.replace(/^ok {2}.*\n/gm, "");

/** What test/native/check.h prints: the reasons of a skip, then the line of the test. */
function readTests(output) {
  const tests = [];
  let why = [];
  for (const line of output.split("\n")) {
    const reason = /^\s*skipped: (.*)$/.exec(line)?.[1];
    const [, state, title, took] = /^(ok {2}|FAIL) (.*) (\(\d+\.\d s\))$/.exec(line) ?? [];
    if (reason !== undefined && !why.includes(reason)) why.push(reason);
    if (title === undefined) continue;
    tests.push({ verdict: state === "ok  " && why.length > 0 ? "skip" : state, title, took, why });
    why = [];
  }
  return tests;
}

function run(command, commandArgs) {
  return new Promise((resolve) => {
    const child = spawn(command, commandArgs, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      // The file of random tests has six, and each takes FUSTOR_RANDOM_SECONDS and what its last round needs.
      timeout: 600_000 * PATIENCE + 10_000 * Number(process.env.FUSTOR_RANDOM_SECONDS ?? 0),
      env: { ...process.env, TSAN_OPTIONS: "halt_on_error=1 second_deadlock_stack=1" },
    });
    const said = { stdout: "", stderr: "" };
    for (const stream of ["stdout", "stderr"]) {
      child[stream].setEncoding("utf8");
      child[stream].on("data", (text) => {
        said[stream] += text;
      });
    }
    child.on("error", (error) =>
      resolve({ ...said, stderr: `${said.stderr}${error.message}\n`, code: null, signal: null }),
    );
    child.on("close", (code, signal) => resolve({ ...said, code, signal }));
  });
}

cmake(
  "configuring",
  "-S",
  "native",
  "-B",
  folder,
  "-DFUSTOR_TESTS=ON",
  `-DFUSTOR_SANITIZE=${threads ? "thread" : "address"}`,
);
cmake("compiling", "--build", folder, "--parallel", String(availableParallelism()));
if (args.includes("--build")) process.exit(0);

const names = readdirSync(join(ROOT, "test/native"))
  .filter((name) => name.endsWith("_test.cc"))
  .map((name) => name.replace(/\.cc$/, ""))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort();
let passed = 0;
let failed = 0;
const skips = [];
const failures = [];
// They wait for conditions more than they compute.
async function runRest() {
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const counts = await runTest(name);
    passed += counts.passed;
    failed += counts.failed;
    skips.push(...counts.skips);
  }
}
await Promise.all(Array.from({ length: availableParallelism() }, runRest));
const complete = judgeSkips("native", skips);
// Once more, at the end, where whoever reads a long log looks first.
for (const { name, said } of failures) process.stdout.write(`FAILED in ${name}:\n${said}`);
console.log(`${passed} passed${skips.length > 0 ? ` (${skips.length} of them skipped)` : ""}, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 && complete ? 0 : 1;
