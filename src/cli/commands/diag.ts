import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { bundle } from "../diag/bundle.ts";
import { tarGz } from "../diag/tar.ts";
import { EXIT } from "../exit-codes.ts";
import { formatBytes, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

export interface DiagOptions {
  readonly names?: boolean;
}

const nameAt = (at: Date): string => `fustor-agent-diag-${at.toISOString().replace(/[:.]/g, "-")}.tar.gz`;

/** Writes the bundle, for its owner alone; never over a file that is there. */
export async function diag(file: string | undefined, { names }: DiagOptions, terminal: Terminal): Promise<number> {
  const at = new Date();
  const path = resolve(file ?? nameAt(at));
  const files = await bundle(names === true);
  try {
    await writeFile(path, tarGz(files, at), { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw fileTrouble(error, path, "written");
  }
  for (const { name, text } of files) await terminal.line(`  ${name}  ${formatBytes(Buffer.byteLength(text))}`);
  const what =
    names === true ? "It holds names of files." : "It holds no names of files below the roots (--names adds them).";
  await terminal.line(`Wrote ${printable(path)}, without secrets. ${what}`);
  return EXIT.done;
}
