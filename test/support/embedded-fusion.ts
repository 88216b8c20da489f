/** Our own Fusion as the command line starts it. */
import { cliPath } from "./cli-path.ts";
import { createFusionProcess, type FusionCommand, type FusionOptions, type FusionProcess } from "./fusion-process.ts";

export const embeddedFusionCommand = (): FusionCommand => ({
  kind: "embedded",
  command: process.execPath,
  args: [cliPath(), "fusion"],
});

export const createEmbeddedFusion = (options?: FusionOptions): Promise<FusionProcess> =>
  createFusionProcess(embeddedFusionCommand(), options);
