import { resolveHome } from "../../config/home.ts";
import type { ViewOverview } from "../../fusion/view-overview.ts";
import { EXIT } from "../exit-codes.ts";
import { askFusion } from "../fusion/fusion-socket.ts";
import { viewTables } from "../fusion/view-lines.ts";
import type { Terminal } from "../terminal.ts";

/** What the running Fusion of this home holds, and who feeds it. */
export async function fusionViews(options: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const home = resolveHome(process.env);
  const views = await askFusion<readonly ViewOverview[]>(home, "GET", "/views");
  if (views === undefined) {
    await terminal.complain(`fustor-agent: no Fusion is running on ${home}`);
    return EXIT.stopped;
  }
  if (options.json === true) await terminal.json(`${JSON.stringify(views, null, 2)}\n`);
  else await terminal.line(viewTables(views, Date.now() / 1000));
  return EXIT.done;
}
