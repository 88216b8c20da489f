/** Folders of tests and generated trees. A tree depends on its options alone, so that two runs see the same one. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made = new Set<string>();

/** A new empty folder below the system's temporary folder (`FUSTOR_TEST_DIR` moves it). */
export function createTempFolder(purpose: string): string {
  const folder = mkdtempSync(join(process.env.FUSTOR_TEST_DIR ?? tmpdir(), `fustor-${purpose}-`));
  made.add(folder);
  return folder;
}

/** Removes every folder made here, unless `FUSTOR_KEEP=1` asks to leave them for a look. For afterEach. */
export function removeTempFolders(): void {
  if (process.env.FUSTOR_KEEP === "1") return;
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  made.clear();
}

process.once("exit", removeTempFolders);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    removeTempFolders();
    process.kill(process.pid, signal);
  });
}

/** Mulberry32: numbers in [0, 1) that depend on the seed alone. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface GrowOptions {
  readonly seed: number;
  readonly files: number;
  /** Files in one directory, on average. Default 20. */
  readonly filesPerDirectory?: number;
  /** Largest file. Default 64. */
  readonly maxSizeBytes?: number;
}

export interface GrownTree {
  readonly files: number;
  /** Below the root. */
  readonly directories: number;
}

/** Fills a folder: directories at random depths, so that some are wide and some are deep. Creates the folder itself. */
export function growTree(root: string, options: GrowOptions): GrownTree {
  const random = seededRandom(options.seed);
  const pick = (below: number): number => Math.floor(random() * below);
  const wanted = Math.max(1, Math.ceil(options.files / (options.filesPerDirectory ?? 20)));
  const directories = [root];
  mkdirSync(root, { recursive: true });
  while (directories.length <= wanted) {
    const parent = directories[pick(directories.length)] ?? root;
    const directory = join(parent, `d${directories.length}`);
    mkdirSync(directory);
    directories.push(directory);
  }
  for (let file = 0; file < options.files; file++) {
    const directory = directories[pick(directories.length)] ?? root;
    writeFileSync(join(directory, `f${file}.dat`), "x".repeat(pick((options.maxSizeBytes ?? 64) + 1)));
  }
  return { files: options.files, directories: directories.length - 1 };
}
