/** One Fusion process for all scenarios of a file, with a pipe and an empty view for each of them. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFusionSeats, type FusionCommand, type FusionOptions, type FusionProcess } from "./fusion-process.ts";

export interface SharedFusion {
  /** The next view, for a scenario with these options; what would end or stop the process throws. */
  seat(options: FusionOptions | undefined): Promise<FusionProcess>;
  /** Ends the process. */
  end(): Promise<void>;
}

function forbidden(what: string): never {
  throw new Error(`other scenarios share this Fusion: the scenario that wants to ${what} it needs \`ownFusion: true\``);
}

/** @param wanted The options of each scenario that will ask, in any order. */
export function createSharedFusion(run: FusionCommand, wanted: readonly (FusionOptions | undefined)[]): SharedFusion {
  const all = wanted.map((options) => options ?? {});
  const free = all.map((options, at) => ({ key: JSON.stringify(options), at }));
  let host: Promise<FusionProcess[]> | undefined;
  let home: string | undefined;
  const start = async (): Promise<FusionProcess[]> => {
    home = mkdtempSync(join(process.env.FUSTOR_TEST_DIR ?? tmpdir(), `fustor-shared-${run.kind}-fusion-`));
    const seats = await createFusionSeats(run, all, { home, endsWithTest: false });
    await seats[0]?.start();
    return seats;
  };
  return {
    async seat(options = {}) {
      host ??= start();
      const seats = await host;
      const next = free.findIndex(({ key }) => key === JSON.stringify(options));
      const [taken] = next < 0 ? [] : free.splice(next, 1);
      const fusion = taken === undefined ? undefined : seats[taken.at];
      if (fusion === undefined) throw new Error(`no view is left for ${JSON.stringify(options)}`);
      return {
        ...fusion,
        start: async () => undefined,
        stop: () => forbidden("stop"),
        kill: () => forbidden("kill"),
        freeze: () => forbidden("freeze"),
        thaw: () => forbidden("thaw"),
      };
    },
    async end() {
      const seats = await host?.catch(() => undefined);
      await seats?.[0]?.stop();
      if (home !== undefined) rmSync(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
