/** The addresses of the status page. */

export interface ConsolePlace {
  /** `localhost` = both addresses of loopback. */
  readonly host: string;
  /** Absent: the usual one, or the next free one. 0: any. */
  readonly port?: number;
}

const USUAL_PORT = 8100;
/** Those of a Fusion on the same machine, which may be started later. */
const FUSION_PORTS = new Set([8101, 8102]);
const TRIES = 32;

/** In order: the one that was set, or the usual one and those behind it. */
export function portsToTry({ port }: ConsolePlace): readonly number[] {
  if (port !== undefined) return [port];
  return Array.from({ length: TRIES }, (_, at) => USUAL_PORT + at).filter((each) => !FUSION_PORTS.has(each));
}

export const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);

export const urlOf = (host: string, port: number): string =>
  `http://${host.includes(":") ? `[${host}]` : host}:${port}/`;
