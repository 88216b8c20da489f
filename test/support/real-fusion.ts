/** Fusion 0.8.17 from the environment that `npm run test:interop` makes. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFusionProcess, type FusionCommand, type FusionOptions, type FusionProcess } from "./fusion-process.ts";

const COMMAND = fileURLToPath(new URL("../../.interop/fusion/bin/fustor-fusion", import.meta.url));

export function realFusionCommand(): FusionCommand {
  if (!existsSync(COMMAND)) throw new Error("there is no real Fusion yet: `npm run test:interop` sets it up");
  return { kind: "real", command: COMMAND, args: ["start"] };
}

export const createRealFusion = (options?: FusionOptions): Promise<FusionProcess> =>
  createFusionProcess(realFusionCommand(), options);
