/** The view that a sender's rows go to, opened for reading. */
import { type ComparableTree, omitUndefined, type SenderSettings } from "../../../sdk/index.ts";
import { fusionEndpoint } from "../fusion-options.ts";
import type { FusionParams } from "../fusion-params.ts";
import { NO_PROXY } from "./query-check.ts";
import { ViewTree } from "./view-tree.ts";

const MANAGEMENT_PORT = "8101";
/** A directory with very many entries takes a receiver longer than a batch. */
const LEAST_TIMEOUT_MS = 30_000;

/** Where Fusion shows its views unless the configuration says otherwise: the host that takes the rows, port 8101. */
function besideReceiver(uri: string): string {
  const url = new URL(uri);
  url.port = MANAGEMENT_PORT;
  url.pathname = "/";
  return url.href;
}

export async function openView(
  { uri, credential, timeoutMs, params }: SenderSettings<FusionParams>,
  signal: AbortSignal,
): Promise<ComparableTree> {
  const { endpoint, key, view, proxy = params.proxy } = params.query ?? {};
  const pushKey = credential?.kind === "key" ? credential.key : undefined;
  const place = omitUndefined({
    uri: endpoint ?? besideReceiver(uri),
    key: key ?? pushKey,
    timeoutMs: Math.max(timeoutMs, LEAST_TIMEOUT_MS),
    caFile: params.ca_file,
    proxy: proxy === NO_PROXY ? undefined : proxy,
  });
  const tree = new ViewTree(fusionEndpoint(place), view);
  try {
    await tree.open(signal);
    return tree;
  } catch (error) {
    await tree.close();
    throw error;
  }
}
