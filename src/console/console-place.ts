/** The addresses of the status page. */

export interface ConsolePlace {
  /** `localhost` = both addresses of loopback. */
  readonly host: string;
  /** Absent: the usual port, or the next free one. 0: any port. */
  readonly port?: number;
}

const USUAL_PORT = 8100;
/** The ports of a Fusion on the same machine, which may start later. */
const FUSION_PORTS = new Set([8101, 8102]);
const TRIES = 32;

/** The ports to try, in order: the one that is set, or the usual one and those after it. */
export function portsToTry({ port }: ConsolePlace): readonly number[] {
  if (port !== undefined) return [port];
  return Array.from({ length: TRIES }, (_, at) => USUAL_PORT + at).filter((each) => !FUSION_PORTS.has(each));
}

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);

export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
