/** The names a log goes through: `x.log`, then `x.log.1` (the youngest) up to `x.log.KEEP`; what would be older is removed. */
import { renameSync, rmSync } from "node:fs";

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === "ENOENT";

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Makes room for a new file at `path`. Throws what the file system says, with nothing lost. */
export function rotateFiles(path: string, keepFiles: number): void {
  if (keepFiles === 0) {
    rmSync(path, { force: true });
    return;
  }
  for (let age = keepFiles - 1; age >= 1; age--) moveIfThere(`${path}.${age}`, `${path}.${age + 1}`);
  moveIfThere(path, `${path}.1`);
}
