/** Our own Fusion as the command line starts it. */
import { cliPath } from "./cli-path.ts";
import { createFusionProcess, type FusionOptions, type FusionProcess } from "./fusion-process.ts";

export async function createEmbeddedFusion(options?: FusionOptions): Promise<FusionProcess> {
  const args = [cliPath(), "fusion"];
  return createFusionProcess({ kind: "embedded", command: process.execPath, args }, options);
}
