/** Collects how long each scenario took to converge; prints a table and leaves it as JSON in bench/results/. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface ConvergenceTable {
  note(scenario: string, outcome: number | "failed"): void;
  /** Prints and writes; call once, at the end. */
  finish(): void;
}

const RESULTS = fileURLToPath(new URL("../../bench/results/", import.meta.url));

/** Milliseconds as seconds with two digits. */
export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

/** Columns padded to their widest cell; the first row is the head. */
export function formatColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)), []);
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export function createConvergenceTable(fusion: string, part: string): ConvergenceTable {
  const outcomes = new Map<string, number | "failed">();
  return {
    note: (scenario, outcome) => void outcomes.set(scenario, outcome),
    finish() {
      if (outcomes.size === 0) return;
      const rows = [...outcomes].map(([name, outcome]) => [name, outcome === "failed" ? outcome : inSeconds(outcome)]);
      process.stdout.write(`\n${formatColumns([["scenario", `equal after (${fusion} Fusion)`], ...rows])}\n\n`);
      mkdirSync(RESULTS, { recursive: true });
      const results = [...outcomes].map(([scenario, outcome]) => ({
        scenario,
        ...(outcome === "failed" ? { failed: true } : { convergedMs: Math.round(outcome) }),
      }));
      const text = JSON.stringify({ fusion, part, date: new Date().toISOString(), results }, null, 2);
      writeFileSync(`${RESULTS}convergence-${fusion}-${part}.json`, `${text}\n`);
    },
  };
}
