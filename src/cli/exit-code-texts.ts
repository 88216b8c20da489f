/** What every exit code means, for people: docs/errors.md has this table (scripts/generate-docs.mjs). */
import type { EXIT } from "./exit-codes.ts";

export const EXIT_TEXTS: Readonly<Record<keyof typeof EXIT, string>> = {
  done:
    "done; for `start -D`: the agent runs, with at least one pipe. The command prints on stderr which pipes did not " +
    "start, and which do not run yet two and a half seconds later",
  failure:
    "failure; the message on stderr says which. For `start` and `start -D`: no agent runs, because no pipe could " +
    "start, the home cannot be used, or it was removed",
  different: "`verify`: the receiver's view differs from the disk",
  stopped:
    "`status`, `reload`, `confirm`, `audit`, `stop PIPE` or `verify --repair`, and no agent runs; `fusion views`, and " +
    "no Fusion",
  notCompared: "`verify`: nothing could be compared, or not everything, and nothing that was compared differs",
  usage: "wrong usage of a command",
  running: "an agent is already running on this home, or a Fusion for `fusion`",
  configuration: "the configuration is invalid or missing; a running agent goes on with the one it has",
};
