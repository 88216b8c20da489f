import { type EffectiveBlock, effectiveConfig, isEffective } from "../../config/effective.ts";
import { loadConfig } from "../../config/load.ts";
import type { AgentConfig } from "../../config/model.ts";
import { consoleSettings } from "../console-settings.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { tellWarnings } from "./validate.ts";

export interface ConfigPrintOptions {
  readonly json?: boolean;
}

/** Where the comments begin, unless the value is longer. */
const COLUMN = 44;

const keyText = (key: string): string => (/^[A-Za-z_][\w-]*$/.test(key) ? key : JSON.stringify(key));

/** A block as YAML that loads again, but for the masked secrets; each value with its place as a comment. */
export function formatEffective(block: EffectiveBlock, indent = ""): readonly string[] {
  return Object.entries(block).flatMap(([key, member]) => {
    if (!isEffective(member)) {
      const below = formatEffective(member, `${indent}  `);
      return [below.length === 0 ? `${indent}${keyText(key)}: {}` : `${indent}${keyText(key)}:`, ...below];
    }
    const text = `${indent}${keyText(key)}: ${printable(JSON.stringify(member.value) ?? "null")}`;
    return [`${text.padEnd(COLUMN)}  # ${printable(member.from)}`];
  });
}

/** As the start would take it: the environment's port wins. */
export function effectiveNow(config: AgentConfig): EffectiveBlock {
  const written = process.env.FUSTOR_CONSOLE_PORT;
  if (written === undefined || written.trim() === "") return effectiveConfig(config);
  const port = consoleSettings(config.console, process.env)?.port;
  return effectiveConfig(config, { port, from: "environment FUSTOR_CONSOLE_PORT" });
}

export async function configPrint({ json }: ConfigPrintOptions, terminal: Terminal): Promise<number> {
  const config = await loadConfig();
  const { home, configDir, files } = config;
  const values = effectiveNow(config);
  if (json === true) {
    await terminal.json(`${JSON.stringify({ home, configDir, files, values }, null, 2)}\n`);
    return EXIT.done;
  }
  await tellWarnings(config.warnings, terminal);
  const head = [`# Home: ${printable(home)}`, ...files.map((file) => `# File: ${printable(file)}`)];
  await terminal.line([...head, ...formatEffective(values)].join("\n"));
  return EXIT.done;
}
