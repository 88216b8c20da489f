import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileTrouble } from "../../config/file-trouble.ts";
import { ensureHome, homePaths, resolveHome } from "../../config/home.ts";
import { configDirOf } from "../../config/load.ts";
import { SAMPLE_CONFIG } from "../../config/sample.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

const filesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** A sample beside a configuration that exists would be merged with it and start pipes nobody asked for. */
async function existingConfig(configDir: string, configFolder: string): Promise<string | undefined> {
  const single = (await filesIn(configDir)).find((name) => /^agent-config\.ya?ml$/.test(name));
  if (single !== undefined) return join(configDir, single);
  const [other] = (await filesIn(configFolder)).filter((name) => /\.ya?ml$/.test(name));
  return other === undefined ? undefined : join(configFolder, other);
}

export async function init(terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const configDir = configDirOf();
  const { configFile, configFolder } = homePaths(home, configDir);
  const existing = await existingConfig(configDir, configFolder);
  if (existing !== undefined) {
    await terminal.complain(`fustor-agent: ${existing} exists already and was left as it is`);
    return EXIT.failure;
  }
  await ensureHome(home);
  try {
    await mkdir(configDir, { recursive: true, mode: 0o700 });
    // Exclusive, and for the owner only: the file is about to hold a key.
    await writeFile(configFile, SAMPLE_CONFIG, { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw fileTrouble(error, configFile, "written");
  }
  await terminal.line(`Wrote ${configFile}. Set its uri, endpoint, credential and query, then run: fustor-agent start`);
  return EXIT.done;
}
