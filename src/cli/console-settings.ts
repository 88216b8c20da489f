/** Where the status page is to be: what the configuration says, and `FUSTOR_CONSOLE_PORT` before it. */
import type { ConsoleConfig } from "../config/model.ts";
import { FustorError } from "../sdk/index.ts";

/** Undefined: there is to be none. Throws FUSTOR_CONFIG_INVALID. */
export function consoleSettings(
  configured: ConsoleConfig,
  env: Readonly<Record<string, string | undefined>>,
): ConsoleConfig | undefined {
  const written = env.FUSTOR_CONSOLE_PORT;
  if (written === undefined || written.trim() === "") return configured.enabled ? configured : undefined;
  const port = Number(written);
  if (!/^\d+$/.test(written.trim()) || port > 65_535) {
    throw new FustorError(
      "FUSTOR_CONFIG_INVALID",
      `FUSTOR_CONSOLE_PORT is ${JSON.stringify(written)}: write a port, or 0 for none`,
    );
  }
  return port === 0 ? undefined : { ...configured, port };
}
