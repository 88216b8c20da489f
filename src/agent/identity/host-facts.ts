/** What tells this machine from another one that got a copy of its disk, or of the home alone. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

/** "" and an empty list stand for what cannot be read. */
export interface HostFacts {
  /** /etc/machine-id: made at installation, and the same in a clone unless somebody looked after it. */
  readonly machineId: string;
  /** Of the hardware or the virtual machine; only root can read it. */
  readonly productUuid: string;
  readonly hostname: string;
  /** Of network cards, without bridges and the like. */
  readonly networkAddresses: readonly string[];
}

const textOf = (path: string): Promise<string> =>
  readFile(path, "utf8").then(
    (text) => text.trim().toLowerCase(),
    () => "",
  );

async function networkAddresses(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const cards = names.filter((name) => existsSync(join(folder, name, "device")));
  const addresses = await Promise.all(cards.map((name) => textOf(join(folder, name, "address"))));
  return addresses.filter((address) => address !== "" && !/^[0:]+$/.test(address)).toSorted();
}

/** A container moves from machine to machine with its home: the hardware below it says nothing. */
const inContainer = (env: NodeJS.ProcessEnv): boolean =>
  existsSync("/.dockerenv") ||
  existsSync("/run/.containerenv") ||
  (env.container ?? "") !== "" ||
  env.KUBERNETES_SERVICE_HOST !== undefined;

export async function readHostFacts(env: NodeJS.ProcessEnv = process.env): Promise<HostFacts> {
  const machineId = await textOf("/etc/machine-id");
  if (inContainer(env)) return { machineId, productUuid: "", hostname: hostname(), networkAddresses: [] };
  const productUuid = await textOf("/sys/class/dmi/id/product_uuid");
  return { machineId, productUuid, hostname: hostname(), networkAddresses: await networkAddresses("/sys/class/net") };
}

const bothKnown = (a: string, b: string): boolean => a !== "" && b !== "";

/** Both are known, and they are of one machine for certain. */
export const isSameHardware = (before: HostFacts, now: HostFacts): boolean =>
  bothKnown(before.productUuid, now.productUuid) && before.productUuid === now.productUuid;

/**
 * Why the machine must be another one; undefined when nothing says so. A new host name alone is a new host name, and a
 * new network card alone a new card: both together, with hardware that does not say who it is, are another machine.
 */
export function whyOtherHost(before: HostFacts, now: HostFacts): string | undefined {
  if (bothKnown(before.machineId, now.machineId) && before.machineId !== now.machineId)
    return "another /etc/machine-id";
  if (bothKnown(before.productUuid, now.productUuid)) {
    return before.productUuid === now.productUuid ? undefined : "another hardware id (product_uuid)";
  }
  const cards = [before.networkAddresses, now.networkAddresses];
  const noneShared = cards.every((list) => list.length > 0) && !cards[0]?.some((each) => cards[1]?.includes(each));
  return noneShared && before.hostname !== now.hostname ? "another host name and other network cards" : undefined;
}
