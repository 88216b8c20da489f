import { expect, test } from "vitest";
import { COUNTERS, type Counter, hasCounted, shownCounts, zeroCounts } from "../../../src/pipe/counters.ts";

/** Where a group stands in a pipe of `fustor-agent status --json`. */
const placeOf = (group: string, name: string): string => (group === "pipe" ? name : `${group}.${name}`);

function table(): string {
  const rows = Object.entries(COUNTERS).flatMap(([group, counters]) =>
    Object.entries(counters).map(([name, { unit, help }]: [string, Counter]) => {
      return `| \`${placeOf(group, name)}\` | ${unit} | ${help} |`;
    }),
  );
  return ["| counter | unit | meaning |", "|---|---|---|", ...rows].join("\n");
}

const INTRODUCTION = `# Counters

What a pipe counts from the start of the agent on, over all its sessions. \`fustor-agent status --json\`, the control
socket and \`/api/status\` show each of them at this place of a pipe. This page is written from \`src/pipe/counters.ts\` by
\`npx vitest run --project unit test/unit/pipe/counters.test.ts -u\`.
`;

test("docs/counters.md says of every counter what it means", async () => {
  await expect(`${INTRODUCTION}\n${table()}\n`).toMatchFileSnapshot("../../../docs/counters.md");
});

test("a group begins with zeros, and people see those that have words", () => {
  const scans = zeroCounts("scans");
  expect(scans).toEqual({ done: 0, failed: 0, refused: 0 });
  expect(hasCounted("scans", scans)).toBe(false);
  scans.failed++;
  expect(hasCounted("scans", scans)).toBe(true);
  expect(shownCounts("sentinel", { ...zeroCounts("sentinel"), rounds: 9, checked: 2, missing: 1 })).toEqual([
    { name: "checked", value: 2, text: "checked" },
    { name: "missing", value: 1, text: "gone" },
    { name: "failures", value: 0, text: "questions failed" },
  ]);
});
