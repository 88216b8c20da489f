import { isFustorError } from "../sdk/index.ts";

/** What the shell gets to see. 64, 75 and 78 are EX_USAGE, EX_TEMPFAIL and EX_CONFIG of sysexits.h. */
export const EXIT = {
  done: 0,
  failure: 1,
  /** `verify`: the view differs from the disk. */
  different: 2,
  /** `status` of an agent that does not run. */
  stopped: 3,
  /** `verify`: not everything could be compared, and nothing that was differs. */
  notCompared: 4,
  usage: 64,
  running: 75,
  configuration: 78,
} as const;

export function exitCodeOf(error: unknown): number {
  if (!isFustorError(error)) return EXIT.failure;
  switch (error.code) {
    case "FUSTOR_CONFIG_INVALID":
    case "FUSTOR_CONFIG_MISSING":
      return EXIT.configuration;
    case "FUSTOR_AGENT_RUNNING":
      return EXIT.running;
    case "FUSTOR_AGENT_STOPPED":
      return EXIT.stopped;
    default:
      return EXIT.failure;
  }
}

/** Of a configuration that the running agent did not take over, by the code of its error. */
export const exitCodeOfRefusal = (code: string): number =>
  code === "FUSTOR_CONFIG_INVALID" || code === "FUSTOR_CONFIG_MISSING" ? EXIT.configuration : EXIT.failure;
