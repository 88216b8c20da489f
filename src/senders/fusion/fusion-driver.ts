/** The fusion driver: sessions and batches over HTTP to a Fusion receiver. */
import { inspectCaFile } from "../../sdk/http/ca-file.ts";
import { isLoopback } from "../../sdk/http/loopback.ts";
import { proxyFor } from "../../sdk/http/proxy.ts";
import { type Credential, type EntryCheck, omitUndefined, senderModule } from "../../sdk/index.ts";
import { baseUrlOf, withoutTrailingSlash } from "./base-url.ts";
import { fusionParams, WITHOUT_EFFECT } from "./fusion-params.ts";
import { checkedQuery } from "./view/query-check.ts";

export const fusionDriver = senderModule({
  kind: "sender",
  name: "fusion",
  aliases: ["http"],
  schema: fusionParams,
  withoutEffect: WITHOUT_EFFECT,
  // There the Python agent looks.
  overrides: { timeout: "timeout_sec", batch_bytes: "batch_bytes", event_rows: "event_rows" },
  check: ({ uri, credential, params }, check) => {
    checkCredential(credential, check);
    const url = uri === undefined ? undefined : baseUrlOf(uri, check);
    if (url?.protocol === "http:" && credential !== undefined && !isLoopback(url)) {
      check.warn("uri", "sends the key over plain http to another machine", "use https, or a tunnel");
    }
    if (url === undefined || params === undefined) return undefined;
    const { proxy: written, query: asked, ...others } = params;
    const proxy = written === undefined ? undefined : check.expand(written, "driver_params.proxy");
    // What could not be expanded is reported; the environment's proxy is no answer to it.
    const resolved = written !== undefined && proxy === undefined ? undefined : proxyFor(url, proxy, check);
    return omitUndefined({
      uri: withoutTrailingSlash(url),
      credential,
      params: omitUndefined({ ...others, proxy: resolved, query: asked && checkedQuery(asked, proxy, check) }),
    });
  },
  openTree: async (settings, signal) => (await import("./view/open-view.ts")).openView(settings, signal),
  inspect: async ({ params }) => inspectCaFile(params.ca_file),
  create: async (context, { uri, credential, timeoutMs, params }) => {
    // Only now: a command that reads the configuration needs no HTTP client.
    const { FusionSender } = await import("./fusion-sender.ts");
    return new FusionSender(
      context,
      omitUndefined({
        uri,
        timeoutMs,
        key: credential?.kind === "key" ? credential.key : undefined,
        caFile: params.ca_file,
        proxy: params.proxy,
        gzip: params.gzip,
      }),
    );
  },
});

/** What is shorter guards nothing, and cannot be taken out of messages without garbling them. */
const LEAST_KEY_CHARS = 6;

function checkCredential(credential: Credential | undefined, check: EntryCheck): void {
  if (!check.isWritten("credential")) {
    check.warn("credential", "has no credential", "Fusion refuses agents without a key; add credential: {key: ...}");
  } else if (credential?.kind === "password") {
    check.error("credential", "is a user and password, but Fusion takes a key", "write credential: {key: ...}");
  } else if (credential !== undefined && credential.key.length < LEAST_KEY_CHARS) {
    check.error(
      "credential",
      `is too short to be a key (less than ${LEAST_KEY_CHARS} characters)`,
      "copy the key again, or give Fusion a longer one",
    );
  } else if (credential !== undefined && !/^[\x21-\x7e]+$/.test(credential.key)) {
    check.error(
      "credential",
      "holds a space or a letter outside ASCII, which no HTTP header carries",
      "copy the key again",
    );
  }
}
