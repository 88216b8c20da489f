/**
 * The names of a log as it grows older: `x.log`, then `x.log.1` (the youngest) up to `x.log.KEEP`. Older ones are
 * removed.
 */
import { renameSync, rmSync } from "node:fs";

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Makes room for a new file at `path`. Throws the error of the file system; no lines are lost then. */
export function rotateFiles(path: string, keepFiles: number): void {
  if (keepFiles === 0) {
    rmSync(path, { force: true });
    return;
  }
  for (let age = keepFiles - 1; age >= 1; age--) moveIfThere(`${path}.${age}`, `${path}.${age + 1}`);
  moveIfThere(path, `${path}.1`);
}
