/** The rows of docs/compatibility.md. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

export interface CompatibilityRow {
  readonly section: string;
  readonly subject: string;
  /** What stands in the first column as code, in single words. */
  readonly names: readonly string[];
  readonly verdict: string;
  readonly here: string;
  /** A test, a folder of tests or a page, relative to `test/`. */
  readonly shownBy: string;
}

const DOCS = resolve(import.meta.dirname, "../../docs/compatibility.md");

function rowOf(section: string, line: string): CompatibilityRow {
  const [subject = "", verdict = "", here = "", shownBy = ""] = line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
  const codes = [...subject.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
  return {
    section,
    subject,
    names: codes.flatMap((code) => code.split(/[^\w-]+/)).filter((word) => word !== ""),
    verdict,
    here,
    shownBy: shownBy.replaceAll("`", ""),
  };
}

export function compatibilityRows(): CompatibilityRow[] {
  const sections = readFileSync(DOCS, "utf8").split(/^## /m).slice(1);
  return sections.flatMap((section) => {
    const [title = "", ...lines] = section.split("\n");
    const rows = lines.filter((line) => line.startsWith("| ") && !line.startsWith("| 0.8.17 "));
    return rows.map((line) => rowOf(title, line));
  });
}
