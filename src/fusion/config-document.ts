import type { z } from "zod";
import { nearest } from "../sdk/did-you-mean.ts";
import { parseTree } from "../yaml/parse-tree.ts";
import { formatProblem, type Origin, ProblemLog, startOf } from "../yaml/problem.ts";
import { type ConfigNode, isWithin, originWithin, toPlain } from "../yaml/tree.ts";
import { type FusionFile, fusionFileSchema, knownKeysAt } from "./fusion-schema.ts";

/** `file:line:col key: what is wrong, what to do` */
export type ConfigMessage = string;

type Path = readonly PropertyKey[];

/** One YAML file: its checked content and where each key stands. */
export class ConfigDocument {
  readonly file: string;
  readonly content: FusionFile;
  readonly problems: readonly ConfigMessage[];
  readonly #tree: ConfigNode;

  constructor(file: string, text: string) {
    this.file = file;
    const log = new ProblemLog();
    this.#tree = parseTree(file, text, log) ?? { kind: "map", origin: startOf(file), entries: [] };
    for (const origin of unusableNames(this.#tree)) {
      log.error({ origin, path: "__proto__" }, "is no name that can be used", "choose another");
    }
    const syntax = log.errors.map(formatProblem);
    const parsed = fusionFileSchema.safeParse(syntax.length > 0 ? {} : toPlain(this.#tree));
    this.content = parsed.success ? parsed.data : {};
    this.problems = parsed.success ? syntax : parsed.error.issues.flatMap((issue) => this.#describe(issue));
  }

  /** A problem with the value at a path. */
  message(path: Path, what: string, cure: string): ConfigMessage {
    return formatProblem({ origin: originWithin(this.#tree, path), key: dotted(path), what, cure });
  }

  #describe(issue: z.core.$ZodIssue): readonly ConfigMessage[] {
    if (issue.code !== "unrecognized_keys") {
      const missing = !isWithin(this.#tree, issue.path);
      const what = missing ? "is missing" : issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
      return [this.message(issue.path, what, missing ? "add it" : "correct the value")];
    }
    return issue.keys.map((key) => {
      const known = knownKeysAt(issue.path);
      const meant = nearest(key, known);
      const cure = meant === undefined ? `remove it (known: ${known.join(", ")})` : `did you mean ${meant}?`;
      return this.message([...issue.path, key], "is not a known key", cure);
    });
  }
}

/** Where ids stand that objects of JavaScript cannot have: such an entry would vanish silently. */
function* unusableNames(node: ConfigNode): Generator<Origin> {
  if (node.kind === "list") for (const item of node.items) yield* unusableNames(item);
  if (node.kind !== "map") return;
  for (const { key, keyOrigin, value } of node.entries) {
    if (key === "__proto__") yield keyOrigin;
    yield* unusableNames(value);
  }
}

const dotted = (path: Path): string =>
  path.map((part, at) => (typeof part === "number" ? `[${part}]` : `${at === 0 ? "" : "."}${String(part)}`)).join("");
