/** A Fusion in this process as a text configures it, perhaps with receivers that a package brings: for the tests of drivers. */
import { type EmbeddedFusion, startEmbeddedFusion } from "../../src/fusion/embedded-fusion.ts";
import { parseFusionConfig } from "../../src/fusion/fusion-config.ts";
import { silentLogger } from "../../src/sdk/observer.ts";
import type { ReceiverModule } from "../../src/sdk/receiver-driver.ts";

export { shapeProblem } from "../../src/fusion/json-shape.ts";

export function startFusionOf(text: string, receivers: readonly ReceiverModule[] = []): Promise<EmbeddedFusion> {
  const config = parseFusionConfig([{ file: "fusion.yaml", text }]);
  const named = new Map(receivers.map((module) => [module.name, module]));
  return startEmbeddedFusion({ config, logger: silentLogger, receivers: named });
}
