/** Source drivers by name. */
import { loadAddon } from "../native/load.ts";
import { FustorError, type SourceDriver, type SourceDriverContext } from "../sdk/index.ts";
import { type FsSourceSettings, parseFsOptions } from "./fs/fs-config.ts";
import { FsSource } from "./fs/fs-source.ts";

export type SourceSettings = FsSourceSettings;

type SourceFactory = (context: SourceDriverContext, settings: SourceSettings) => SourceDriver;

const FACTORIES: Readonly<Record<string, SourceFactory>> = {
  fs: (context, settings) => new FsSource(context, parseFsOptions(settings), loadAddon()),
};

export const sourceDriverNames = (): readonly string[] => Object.keys(FACTORIES);

export function createSource(driver: string, context: SourceDriverContext, settings: SourceSettings): SourceDriver {
  const factory = Object.hasOwn(FACTORIES, driver) ? FACTORIES[driver] : undefined;
  if (factory === undefined) {
    const known = sourceDriverNames().join(", ");
    throw new FustorError("FUSTOR_DRIVER_UNKNOWN", `there is no source driver "${driver}"; known are: ${known}`);
  }
  return factory(context, settings);
}
