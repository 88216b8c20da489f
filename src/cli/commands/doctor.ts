import { resolveHome } from "../../config/home.ts";
import { agentVersion } from "../../sdk/version.ts";
import { consoleSettings } from "../console-settings.ts";
import { examine } from "../doctor/examine.ts";
import { countOf, type Finding, type Severity } from "../doctor/finding.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { wrapped } from "../wrapped.ts";

export interface DoctorCommandOptions {
  readonly json?: boolean;
}

/** What is worst stands last, next to the prompt. */
const ORDER: readonly Severity[] = ["ok", "note", "problem"];
const COLUMN = 9;

function linesOf({ severity, check, about, what, cure }: Finding, columns: number): string {
  const of = about === undefined ? check : `${check} ${about}`;
  const sentence = wrapped(printable(`${of}: ${what}`), columns, severity.padEnd(COLUMN));
  return cure === undefined ? sentence : `${sentence}\n${wrapped(printable(cure), columns, "   cure: ")}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

/** The readable form of what was found. */
export function formatFindings(findings: readonly Finding[], columns: number): string {
  const sorted = ORDER.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
  const [fine, notes, problems] = ORDER.map((severity) => countOf(findings, severity));
  const sum = `${counted(problems ?? 0, "problem")}, ${counted(notes ?? 0, "note")}, ${fine} ok.`;
  return [...sorted.map((finding) => linesOf(finding, columns)), sum].join("\n");
}

/** As one JSON text. */
export const findingsJson = (findings: readonly Finding[]): string =>
  JSON.stringify(
    {
      version: agentVersion,
      home: resolveHome(process.env),
      at: new Date().toISOString(),
      problems: countOf(findings, "problem"),
      notes: countOf(findings, "note"),
      findings,
    },
    null,
    2,
  );

export const findingsNow = (): Promise<readonly Finding[]> =>
  examine({ consoleOf: (console) => consoleSettings(console, process.env) });

export async function doctor({ json }: DoctorCommandOptions, terminal: Terminal): Promise<number> {
  const findings = await findingsNow();
  if (json === true) await terminal.json(`${findingsJson(findings)}\n`);
  else await terminal.line(formatFindings(findings, terminal.columns));
  return countOf(findings, "problem") === 0 ? EXIT.done : EXIT.failure;
}
