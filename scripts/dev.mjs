// `npm run dev [-- command...]`: compiles on every change and runs the command line again, by default the demo on this directory.
import { spawn } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const args = process.argv.slice(2);
const command = args.length > 0 ? args : ["demo"];
const children = [];

function run(file, runArgs, options = {}) {
  const child = spawn(process.execPath, [file, ...runArgs], { cwd: root, stdio: "inherit", ...options });
  children.push(child);
  return child;
}

function stopAll(code) {
  for (const child of children) child.kill("SIGTERM");
  process.exitCode = code;
}

const compiler = run(
  join(root, "node_modules/typescript/bin/tsc"),
  ["-p", "tsconfig.build.json", "--watch", "--preserveWatchOutput"],
  {
    stdio: ["ignore", "pipe", "inherit"],
  },
);
let started = false;
compiler.stdout.setEncoding("utf8");
compiler.stdout.on("data", (text) => {
  process.stderr.write(text);
  // The first compilation decides when there is something to run; from then on Node's own watch mode restarts it.
  if (started || !text.includes("Watching for file changes")) return;
  started = true;
  const cli = join(root, "dist/cli/main.js");
  run("--watch-path", [join(root, "dist"), "--watch-preserve-output", cli, ...command]).on("exit", (code) =>
    stopAll(code ?? 1),
  );
});
compiler.on("exit", (code) => stopAll(code ?? 1));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stopAll(0));
