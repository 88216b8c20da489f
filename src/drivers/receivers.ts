/** Receiver drivers of the embedded Fusion, found as the other drivers are. Nothing is loaded unless one is named. */

import { nearest } from "../sdk/did-you-mean.ts";
import { FustorError } from "../sdk/errors.ts";
import type { ReceiverModule } from "../sdk/receiver-driver.ts";
import { agentVersion } from "../sdk/version.ts";
import { driverPlaces, findPackages } from "./find-packages.ts";
import type { InstalledOptions } from "./installed-drivers.ts";
import { importModule } from "./load-package.ts";
import type { ShapeDefect } from "./module-shape.ts";
import { linkSdk } from "./sdk-link.ts";

export type ReceiverOptions = Omit<InstalledOptions, "builtIn">;

const unusable = ({ what, cure }: ShapeDefect): FustorError =>
  new FustorError("FUSTOR_DRIVER_UNKNOWN", `${what}, ${cure}`);

/** Throws FUSTOR_DRIVER_UNKNOWN for the first name that no package holds, or whose package cannot be used. */
export async function loadReceivers(
  names: Iterable<string>,
  options: ReceiverOptions,
): Promise<ReadonlyMap<string, ReceiverModule>> {
  const modules = new Map<string, ReceiverModule>();
  for (const name of names) if (!modules.has(name)) modules.set(name, await loadReceiver(name, options));
  return modules;
}

async function loadReceiver(name: string, options: ReceiverOptions): Promise<ReceiverModule> {
  const packages = await findPackages(driverPlaces(options.home, options.agentFolder));
  const found = packages.find(({ receivers }) => receivers.has(name));
  const entry = found?.receivers.get(name);
  if (found === undefined || entry === undefined) throw unusable(unknown(name, packages));
  if (found.origin === "home") await linkSdk(options.home, options.agentFolder).catch(() => undefined);
  const rules = { agentVersion: options.agentVersion ?? agentVersion, distrust: options.distrust };
  const imported = await importModule(found, entry, rules);
  if ("what" in imported) throw unusable(imported);
  const module = imported.namespace.default as Partial<ReceiverModule> | undefined;
  const isUsable = module?.kind === "receiver" && module.name === name && typeof module.open === "function";
  if (isUsable && typeof module.schema?.safeParse === "function") return module as ReceiverModule;
  const what = `the package ${found.name} ${found.version} (${entry}) exports no receiver driver "${name}" as default`;
  throw unusable({ what, cure: "install another version of it" });
}

function unknown(name: string, packages: readonly { readonly receivers: ReadonlyMap<string, string> }[]): ShapeDefect {
  const known = ["http", ...packages.flatMap(({ receivers }) => [...receivers.keys()])];
  const meant = nearest(name, known);
  const cure = `write one of ${known.join(", ")}, or add its package with \`fustor-agent drivers add\``;
  return {
    what: `there is no receiver driver "${name}"`,
    cure: meant === undefined ? cure : `did you mean "${meant}"?`,
  };
}
