import { type ParseResult, parseConfig } from "../../../src/config/parse.ts";
import type { SecretFile } from "../../../src/config/secrets.ts";
import { type DriverRegistry, knownDrivers } from "../../../src/drivers/registry.ts";
import { formatProblem } from "../../../src/yaml/problem.ts";

export interface Machine {
  readonly variables?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, SecretFile>>;
  /** Default: those that the agent knows. */
  readonly drivers?: DriverRegistry;
}

/** Reads texts as the loader would, on a machine of the test's own. */
export function read(texts: string | Readonly<Record<string, string>>, machine: Machine = {}): ParseResult {
  const files = typeof texts === "string" ? { "a.yaml": texts } : texts;
  return parseConfig(
    Object.entries(files).map(([file, text]) => ({ file, text })),
    {
      home: "/home/x/.fustor",
      configDir: "/home/x/.fustor",
      drivers: machine.drivers ?? knownDrivers,
      secrets: {
        variable: (name) => machine.variables?.[name],
        file: (path) => machine.files?.[path] ?? { kind: "unusable", reason: "does not exist" },
      },
    },
  );
}

export const errorsOf = (texts: string | Readonly<Record<string, string>>, machine?: Machine): string[] =>
  read(texts, machine).errors.map(formatProblem);

export const warningsOf = (texts: string | Readonly<Record<string, string>>, machine?: Machine): string[] =>
  read(texts, machine).warnings.map(formatProblem);

/** The model of a text that has to be right. */
export function configOf(texts: string | Readonly<Record<string, string>>, machine?: Machine) {
  const { config, errors } = read(texts, machine);
  if (config === undefined) throw new Error(errors.map(formatProblem).join("\n"));
  return config;
}

/** A whole dict-form configuration with one source, sender and pipe; the arguments are further lines of each. */
export function dictForm(
  extra: { source?: string[]; sender?: string[]; pipe?: string[]; top?: string[] } = {},
): string {
  const lines = (given: string[] = []): string[] => given.map((line) => `    ${line}`);
  return [
    "sources:",
    "  src-1:",
    "    driver: fs",
    ...(extra.source?.some((line) => line.startsWith("uri")) ? [] : ["    uri: /some/tree"]),
    ...lines(extra.source),
    "senders:",
    "  snd-1:",
    "    driver: fusion",
    ...(extra.sender?.some((line) => line.startsWith("uri")) ? [] : ["    uri: http://127.0.0.1:18888"]),
    ...(extra.sender?.some((line) => line.startsWith("credential")) ? [] : ["    credential: {key: push-key}"]),
    ...lines(extra.sender),
    "pipes:",
    "  pipe-1:",
    "    source: src-1",
    "    sender: snd-1",
    ...lines(extra.pipe),
    ...(extra.top ?? []),
    "",
  ].join("\n");
}
