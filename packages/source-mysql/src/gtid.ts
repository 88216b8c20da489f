/**
 * Positions: which transactions lie behind. MySQL knows them as a set, MariaDB as the last one of each domain; as text
 * both carry the name of their kind, so that a position of the one is none of the other.
 */
import { GtidSet, MariadbGtidPosition } from "@vlasky/zongji";

export type Flavor = "mysql" | "mariadb";

/** Where the stream begins, and what ended in it since. */
export class Progress {
  readonly flavor: Flavor;
  readonly #set: GtidSet | MariadbGtidPosition;
  #text: string;

  constructor(flavor: Flavor, gtids: string) {
    this.flavor = flavor;
    this.#set = flavor === "mysql" ? GtidSet.parse(gtids) : MariadbGtidPosition.parse(gtids);
    this.#text = positionOf(flavor, gtids);
  }

  /** A transaction has ended. */
  add(gtid: string): void {
    if (this.#set instanceof GtidSet) this.#set.add(gtid);
    else {
      const [domainId = 0, serverId = 0, seqNo = ""] = partsOf(gtid);
      this.#set.add({ domainId, serverId, seqNo });
    }
    this.#text = positionOf(this.flavor, this.#set.toString());
  }

  get position(): string {
    return this.#text;
  }
}

function partsOf(gtid: string): [number, number, string] {
  const [domain, server, sequence = ""] = gtid.split("-");
  return [Number(domain), Number(server), sequence];
}

export const positionOf = (flavor: Flavor, gtids: string): string => `${flavor}:${gtids.replaceAll(/\s/g, "")}`;

/** What the server is to begin after; undefined for what is no position of its kind. */
export function gtidsIn(position: string, flavor: Flavor): string | undefined {
  if (!position.startsWith(`${flavor}:`)) return undefined;
  const gtids = position.slice(flavor.length + 1);
  try {
    new Progress(flavor, gtids);
    return gtids;
  } catch {
    return undefined;
  }
}
