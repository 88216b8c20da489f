/**
 * What every code of an error means and what to do about it, for people: docs/errors.md has these tables
 * (scripts/generate-docs.mjs). Nothing of it is loaded at run time; the messages of errors name the place beside it.
 */
import type { FustorErrorCode } from "./errors.ts";

/** A table of docs/errors.md. */
export type ErrorArea = "start" | "source" | "receiver" | "own";

export interface ErrorText {
  readonly area: ErrorArea;
  readonly cause: string;
  readonly cure: string;
}

export const ERROR_TEXTS: Readonly<Record<FustorErrorCode, ErrorText>> = {
  FUSTOR_CONFIG_INVALID: {
    area: "start",
    cause:
      "Something in the configuration cannot work, or others may write the home, the configuration or a secret " +
      "([who may](config.md#where-it-lies)). The message holds every problem, one in each line, usually as " +
      "`file:line:col key: what is wrong, what to do`.",
    cure: "Do what the lines say; `fustor-agent validate` checks without starting.",
  },
  FUSTOR_CONFIG_MISSING: {
    area: "start",
    cause: "The home holds no configuration at all.",
    cure: "`fustor-agent init` writes a commented sample. Is `FUSTOR_HOME` or `FUSTOR_CONFIG_DIR` the right one?",
  },
  FUSTOR_AGENT_RUNNING: {
    area: "start",
    cause: "Another agent holds the lock of this home.",
    cure: "Call `fustor-agent status` or `fustor-agent stop`. Two agents on one machine need two homes.",
  },
  FUSTOR_AGENT_STOPPED: {
    area: "start",
    cause: "No agent answers on the control socket of this home.",
    cure: "`fustor-agent start`. Is `FUSTOR_HOME` the same, and the user?",
  },
  FUSTOR_HOME_UNUSABLE: {
    area: "start",
    cause:
      "The home or a file in it cannot be read or written: it belongs to another user, its disk is full, its " +
      "file system is read-only or lacks locks. The message names the file, whose it is and what to do.",
    cure: "Do what the message says.",
  },
  FUSTOR_DRIVER_UNKNOWN: {
    area: "start",
    cause:
      "A program that makes its own configuration names an unknown driver; in a configuration that the agent " +
      "read from files this is `FUSTOR_CONFIG_INVALID`. The message says which name was probably meant, or " +
      "which there are.",
    cure: "Correct the name.",
  },
  FUSTOR_DRIVER_DEFECT: {
    area: "start",
    cause:
      "An installed driver broke its contract: it threw, did not answer in time, ended its stream, or handed " +
      "over something that is no batch, chunk or answer. The message names the driver, its package with " +
      "version, and the method. Only the pipes on this driver are concerned. Retried, unless it happened while " +
      "the driver was made or opened.",
    cure: "Is what the driver reads or writes there? Otherwise ask its author, or install another version.",
  },
  FUSTOR_PART_DEFECT: {
    area: "start",
    cause:
      "An event bus or a state store that a program gave to `createAgent` lacks a method, threw, or returned " +
      "what is no answer. The message names the part and the method. What a state store fails at counts as not " +
      "known, and the pipe goes on.",
    cure: "Try the part with `describeEventBus` or `describeStateStore` of `fustor-agent/sdk/testing`.",
  },
  FUSTOR_LIMIT_REACHED: {
    area: "start",
    cause:
      "The process may open no more files for a further pipe: with its source each takes about fourteen. The " +
      "pipes before it run.",
    cure: "Raise the limit (`ulimit -n`, `LimitNOFILE=` of a unit) and start the agent again.",
  },
  FUSTOR_NATIVE_UNAVAILABLE: {
    area: "start",
    cause:
      "The native addon is missing, was made for another machine, C library or release, or may not be loaded " +
      "from its folder (noexec). The message says where the agent looked and why the addon does not load.",
    cure:
      "Do what the message says: install the package on this machine instead of copying `node_modules`, in a " +
      "checkout `npm run build:native`. [install.md](install.md)",
  },
  FUSTOR_SOURCE_UNAVAILABLE: {
    area: "source",
    cause:
      "The root is missing, is no directory, cannot be read, or another directory than before stands there. " +
      "Retried; nothing is reported as deleted because of it.",
    cure:
      "Mount it, create it or grant access: the agent notices by itself. If the other directory is the one to " +
      "be watched from now on, call `fustor-agent confirm SOURCE`; what is not in it then counts as deleted.",
  },
  FUSTOR_SOURCE_PATH_REFUSED: {
    area: "source",
    cause:
      "A path, usually of a command of Fusion, lies outside the root or is not spelled as the agent would " +
      "encode it.",
    cure: "Ask for a path below the root, spelled as the view shows it.",
  },
  FUSTOR_SENDER_UNREACHABLE: {
    area: "receiver",
    cause:
      "No connection, no answer in time, the connection broke, or a 5xx. The message names host, port and " +
      "reason. Retried.",
    cure:
      "Check that Fusion runs there, that the port is its receiver's (8102 by default), and that no firewall is " +
      "in between. For a private CA set `driver_params.ca_file`.",
  },
  FUSTOR_SENDER_BUSY: {
    area: "receiver",
    cause:
      "The receiver asks the agent to wait (429, or 503 with `Retry-After`). Retried after the time it asked " + "for.",
    cure: "None, if it passes. Otherwise the receiver is too small for its load.",
  },
  FUSTOR_SENDER_KEY_REFUSED: {
    area: "receiver",
    cause: "401 or 403. Retried, slowly.",
    cure:
      "Use a push key of the receiver's `api_keys` whose `pipe_id` exists there; a key for queries is refused " +
      "as well.",
  },
  FUSTOR_SENDER_BAD_ANSWER: {
    area: "receiver",
    cause:
      "The answer is not that of a Fusion receiver: another status, no JSON, no session id, a redirect, no " +
      "HTTP. Retried.",
    cure:
      "Check that the address is the receiver's, and that no proxy answers with a login page. After a redirect " +
      "configure the final address.",
  },
  FUSTOR_SESSION_LOST: {
    area: "receiver",
    cause: "The session expired or the receiver does not know it (404, 410, 419). The agent opens a new one at once.",
    cure:
      "None. When it happens often, check whether the machine sleeps or is overloaded for longer than the " +
      "session's timeout.",
  },
  FUSTOR_SESSION_CONFLICT: {
    area: "receiver",
    cause: "Another agent holds the pipe, and Fusion allows one at a time (409). Retried as hot standby.",
    cure: "None, if that is intended. Otherwise stop the other agent, or allow concurrent push in Fusion.",
  },
  FUSTOR_BATCH_REFUSED: {
    area: "receiver",
    cause:
      "The receiver refuses the content of a batch (400, 422): at least one event is bad. The agent splits the " +
      "batch, writes the bad row into `dead-letter/<pipe>.jsonl` of the home and goes on.",
    cure:
      "Look at the reason there or in the log. Usually a `fields_mapping` drops or changes a member that Fusion " +
      "needs.",
  },
  FUSTOR_BATCH_TOO_LARGE: {
    area: "receiver",
    cause: "The batch is larger than the receiver or a proxy accepts (413). The agent halves it.",
    cure: "Lower `batch_size`, or raise the proxy's limit.",
  },
  FUSTOR_ABORTED: {
    area: "own",
    cause: "The operation was cancelled, usually because the agent stops.",
    cure: "None.",
  },
  FUSTOR_INTERNAL: {
    area: "own",
    cause: "A defect of the agent.",
    cure: "Please report it with the log around it.",
  },
};
