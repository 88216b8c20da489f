import { FustorError } from "../sdk/errors.ts";
import type { Logger } from "../sdk/observer.ts";
import type { OpenReceiver, ReceiverModule } from "../sdk/receiver-driver.ts";
import type { Desk } from "./desk.ts";
import type { ReceiverConfig } from "./fusion-config.ts";

const wrong = (message: string, cause?: unknown): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", message, { cause });

/** Opens a receiver whose driver an installed package brought. Throws FUSTOR_CONFIG_INVALID when it cannot be opened. */
export async function openReceiver(
  module: ReceiverModule | undefined,
  { id, driver, driverParams, host, port }: ReceiverConfig,
  desk: Desk,
  logger: Logger,
): Promise<OpenReceiver> {
  if (module === undefined) throw wrong(`receivers.${id}.driver: there is no receiver driver "${driver}", write http`);
  const params = module.schema.safeParse(driverParams);
  if (!params.success) {
    const lines = params.error.issues.map(
      ({ path, message }) => `${["receivers", id, "driver_params", ...path].join(".")}: ${message}`,
    );
    throw wrong(lines.join("\n"), params.error);
  }
  return module.open({ id, host, port, params: params.data, desk, logger });
}
