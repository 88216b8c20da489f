/** Whether what a configuration names is there. Apart from parsing, which reads nothing from the machine. */

import type { DriverRegistry } from "../drivers/registry.ts";
import type { AnyDriverModule, PlaceProblem } from "../sdk/index.ts";
import type { ConfigProblem } from "../yaml/problem.ts";
import type { AgentConfig, SenderConfig, SourceConfig } from "./model.ts";

export interface PlaceProblems {
  /** The configuration is not taken. */
  readonly errors: readonly ConfigProblem[];
  /** The pipes concerned wait. */
  readonly warnings: readonly ConfigProblem[];
  /** The pipes concerned cannot start; the others can. */
  readonly unusable: readonly ConfigProblem[];
}

type Found = ConfigProblem & Pick<PlaceProblem, "outcome">;

async function inspect(
  section: string,
  { id, origin, disabled, uri, driverParams }: SourceConfig | SenderConfig,
  module: AnyDriverModule | undefined,
): Promise<readonly Found[]> {
  if (disabled || module?.inspect === undefined) return [];
  const problems = await module.inspect({ uri, params: driverParams });
  return problems.map(({ key, ...problem }) => ({ ...problem, origin, key: `${section}.${id}.${key}` }));
}

/** Has every driver look at what the entries that may run name, all at once. */
export async function inspectPlaces(
  { sources, senders }: Pick<AgentConfig, "sources" | "senders">,
  drivers: DriverRegistry,
): Promise<PlaceProblems> {
  const looks = [
    ...[...sources.values()].map((source) => inspect("sources", source, drivers.source(source.driver))),
    ...[...senders.values()].map((sender) => inspect("senders", sender, drivers.sender(sender.driver))),
  ];
  const found = (await Promise.all(looks)).flat();
  const those = (wanted: Found["outcome"]): readonly ConfigProblem[] =>
    found.filter(({ outcome }) => outcome === wanted).map(({ outcome: _, ...problem }) => problem);
  return { errors: those("refuse"), warnings: those("wait"), unusable: those("fail") };
}
