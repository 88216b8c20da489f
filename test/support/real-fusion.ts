/** Fusion 0.8.17 from the environment that `npm run test:interop` makes. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createFusionProcess, type FusionOptions, type FusionProcess } from "./fusion-process.ts";

const COMMAND = fileURLToPath(new URL("../../.interop/fusion/bin/fustor-fusion", import.meta.url));

export function createRealFusion(options?: FusionOptions): Promise<FusionProcess> {
  if (!existsSync(COMMAND)) throw new Error("there is no real Fusion yet: `npm run test:interop` sets it up");
  return createFusionProcess({ kind: "real", command: COMMAND, args: ["start"] }, options);
}
