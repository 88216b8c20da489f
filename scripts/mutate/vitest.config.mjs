/** The tests as usual, played by the runner that tries changes; files that a process before this one finished in the same turn are left out. */
import { readFileSync } from "node:fs";
import usual from "../../vitest.config.ts";

const runner = "./scripts/mutate/switching-runner.mjs";
const journal = readFileSync(process.env.FUSTOR_MUTATE_JOURNAL, "utf8").split("\n").filter(Boolean);
const finished = process.env.FUSTOR_MUTATE_ALWAYS
  ? []
  : journal
      .map((line) => JSON.parse(line))
      .filter(([what, , turn]) => what === "finished" && turn === process.env.FUSTOR_MUTATE_TURN)
      .map(([, file]) => file);

const more = { runner, maxWorkers: 1, testTimeout: 600_000, hookTimeout: 600_000 };
const projects = usual.test.projects
  .filter(({ test }) => ["unit", "integration"].includes(test.name))
  .map(({ test }) => ({ test: { ...test, ...more, exclude: [...test.exclude, ...finished] } }));

export default { test: { root: process.cwd(), reporters: [{}], projects } };
