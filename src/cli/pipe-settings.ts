/** `--set key=value` and `--unset key` of the pipe commands. Values are read later: that costs the YAML parser. */
import { InvalidArgumentError } from "commander";

export interface PipeSetting {
  /** Dots lead into blocks: `source.driver_params.interval_sec`. */
  readonly key: string;
  /** As in a configuration file; null takes the key out. */
  readonly text: string | null;
}

export function parseSetting(written: string, before: readonly PipeSetting[] = []): readonly PipeSetting[] {
  const [, key = "", text = ""] = /^([^=]+)=(.*)$/s.exec(written) ?? [];
  return [...before, setting(key, text)];
}

export const parseUnset = (key: string, before: readonly PipeSetting[] = []): readonly PipeSetting[] => [
  ...before,
  setting(key, null),
];

function setting(key: string, text: string | null): PipeSetting {
  if (key.split(".").includes("")) throw new InvalidArgumentError("Write key=value, such as audit_interval_sec=60.");
  return { key, text };
}
