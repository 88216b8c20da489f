import { requestConfirm } from "../../agent/control/control-client.ts";
import { resolveHome } from "../../config/home.ts";
import { EXIT } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

/** The operator's word that what stands at a source's root is meant. */
export async function confirm(source: string, terminal: Terminal): Promise<number> {
  const { known, confirmed } = await requestConfirm(resolveHome(process.env), source);
  if (!known) {
    await terminal.complain(`fustor-agent: the agent has no open source ${JSON.stringify(source)}`);
    return EXIT.failure;
  }
  await terminal.line(confirmed ? `Confirmed: ${source} is taken as it is now.` : `${source} waits for nothing.`);
  return EXIT.done;
}
