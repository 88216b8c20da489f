import { randomBytes } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureHome, resolveHome } from "../../config/home.ts";
import { fusionSample, SAMPLE_VIEW } from "../../fusion/fusion-sample.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

/** Writes the embedded Fusion's configuration with fresh keys, and says what an agent and a reader need. */
export async function fusionInit(terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const folder = join(home, "fusion-config");
  const [existing] = (await readdir(folder).catch(() => [])).filter((name) => /\.ya?ml$/.test(name));
  if (existing !== undefined) {
    await terminal.complain(`fustor-agent: ${join(folder, existing)} exists already and was left as it is`);
    return EXIT.failure;
  }
  await ensureHome(home);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = { pushKey: randomBytes(16).toString("hex"), readKey: randomBytes(16).toString("hex") };
  const file = join(folder, "default.yaml");
  // Exclusive, and for the owner only: the file holds keys.
  await writeFile(file, fusionSample(keys), { flag: "wx", mode: 0o600 });
  await terminal.line(`Wrote ${file}. Run it with: fustor-agent fusion`);
  await terminal.line("");
  await terminal.line("An agent's sender:  endpoint http://127.0.0.1:8102");
  await terminal.line(`                    credential ${keys.pushKey}`);
  await terminal.line(`                    driver_params {query: {view: ${SAMPLE_VIEW}, key: ${keys.readKey}}}`);
  const url = `http://127.0.0.1:8101/api/v1/views/${SAMPLE_VIEW}/tree?path=/`;
  await terminal.line(`A reader:           curl -s -H 'X-API-Key: ${keys.readKey}' '${url}'`);
  return EXIT.done;
}
