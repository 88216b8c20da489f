/**
 * The files of a state folder: `<generation>.checkpoint`, `<generation>.journal` with what came after it, and instead of
 * that `<generation>.clean` when nothing did.
 */
import { readdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

const NAME = /^(\d{1,15})\.(checkpoint|journal|clean)$/;
const DRAFT = /^\d{1,15}\.(checkpoint|journal)\.draft$/;

export class StateFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  checkpoint = (generation: number): string => join(this.folder, `${generation}.checkpoint`);
  /** The name of a file until it is whole. */
  draft = (path: string): string => `${path}.draft`;
  clean = (generation: number): string => join(this.folder, `${generation}.clean`);
  journal = (generation: number): string => join(this.folder, `${generation}.journal`);

  /** The generations there are, the lowest first. */
  generations(kind: "checkpoint" | "journal" | "clean"): readonly number[] {
    const found = readdirSync(this.folder).map((name) => NAME.exec(name));
    return found.flatMap((match) => (match?.[2] === kind ? [Number(match[1])] : [])).sort((a, b) => a - b);
  }

  /**
   * Removes every generation below that one, and drafts. Checkpoints go first: a checkpoint with some of its journals
   * would look whole.
   */
  removeBelow(generation: number): void {
    const isCheckpoint = (name: string): number => (name.endsWith(".checkpoint") ? 0 : 1);
    for (const name of readdirSync(this.folder).sort((a, b) => isCheckpoint(a) - isCheckpoint(b))) {
      const match = NAME.exec(name);
      if (DRAFT.test(name) || (match !== null && Number(match[1]) < generation)) rmSync(join(this.folder, name));
    }
  }

  removeAll(): void {
    this.removeBelow(Number.POSITIVE_INFINITY);
  }

  /** Makes what was created and removed survive a power failure. */
  async sync(): Promise<void> {
    const handle = await open(this.folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}
