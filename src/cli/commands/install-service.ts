/** `install-service`: a unit of systemd for this installation, with a user and a home of its own. */
import { readFileSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { EXIT } from "../exit-codes.ts";
import { closedTo, stepsOf } from "../service/steps.ts";
import { troubleWith, unitText } from "../service/unit.ts";
import type { Terminal } from "../terminal.ts";

const TEMPLATE = resolve(import.meta.dirname, "../../../share/systemd/fustor-agent.service");

export interface InstallOptions {
  readonly user: string;
  readonly home: string;
  /** Of the image of another machine. */
  readonly root: string;
  readonly dryRun?: boolean;
}

/** `script`: the file of the command line that runs. */
export async function installService(
  options: InstallOptions,
  terminal: Terminal,
  script = realpathSync(process.argv[1] ?? ""),
): Promise<number> {
  const { user, home, dryRun = false } = options;
  const root = resolve(options.root);
  const wrong = troubleWith(options);
  if (wrong !== undefined) {
    await terminal.complain(`fustor-agent: ${wrong}`);
    return EXIT.usage;
  }
  if (!dryRun && process.getuid?.() !== 0) {
    await terminal.complain("fustor-agent: only root may do this; --dry-run shows what it is");
    return EXIT.failure;
  }
  const facts = { user, home, root, node: process.execPath, script, template: readFileSync(TEMPLATE, "utf8") };
  for (const { what, run } of stepsOf(facts)) {
    await terminal.line(`${run === undefined ? "  " : "* "}${what}`);
    if (!dryRun) await run?.();
  }
  for (const file of [facts.node, script]) {
    const folder = await closedTo(file);
    if (folder === undefined) continue;
    const cure = "install Node and fustor-agent for all users (docs/install.md)";
    await terminal.complain(`fustor-agent: ${user} may not enter ${folder}, so it cannot run ${file}: ${cure}`);
  }
  if (dryRun) await terminal.line(`\nNothing was changed. The unit:\n\n${unitText(facts.template, facts)}`);
  else await terminal.line(nextLines(home));
  return EXIT.done;
}

const nextLines = (home: string): string => `
Next: set uri, endpoint and credential in ${home}/agent-config.yaml, then
  systemctl enable --now fustor-agent
  systemctl status fustor-agent`;
