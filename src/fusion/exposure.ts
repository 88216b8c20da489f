/**
 * What a configuration says of the addresses that Fusion listens at: TLS, and keys that other machines must not meet with.
 */
import type { ConfigDocument, ConfigMessage } from "./config-document.ts";
import type { TlsFiles } from "./fusion-config.ts";
import { type FusionFile, httpParams } from "./fusion-schema.ts";
import { isGuessable } from "./guessable-key.ts";
import { isLoopback } from "./loopback.ts";

type Receiver = NonNullable<FusionFile["receivers"]>[string];
type View = NonNullable<FusionFile["views"]>[string];
interface Pair {
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
}

/** For an object: nothing, or TLS. */
export function tlsOf({ cert_file: certFile, key_file: keyFile }: Pair): { readonly tls?: TlsFiles } {
  return certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile } };
}

export const httpTlsOf = ({ driver, driver_params }: Receiver): { readonly tls?: TlsFiles } => {
  const params = driver === "http" ? httpParams.safeParse(driver_params) : undefined;
  return params?.success === true ? tlsOf(params.data) : {};
};

export function pairProblem(document: ConfigDocument, path: readonly string[], pair: Pair): readonly ConfigMessage[] {
  if ((pair.cert_file === undefined) === (pair.key_file === undefined)) return [];
  const [there, missing] = pair.cert_file === undefined ? ["key_file", "cert_file"] : ["cert_file", "key_file"];
  return [document.message([...path, there], `stands without ${missing}`, "write both, or none")];
}

export function receiverProblems(document: ConfigDocument, id: string, receiver: Receiver): readonly ConfigMessage[] {
  return [...paramProblems(document, id, receiver), ...pushKeyProblems(document, id, receiver)];
}

function paramProblems(document: ConfigDocument, id: string, receiver: Receiver): readonly ConfigMessage[] {
  if (receiver.driver !== "http") return [];
  const path = ["receivers", id, "driver_params"];
  const params = httpParams.safeParse(receiver.driver_params);
  if (params.success) return pairProblem(document, path, params.data);
  return params.error.issues.map((issue) => {
    const known = Object.keys(httpParams.shape).join(" and ");
    if (issue.code !== "unrecognized_keys")
      return document.message([...path, ...issue.path], "is not an absolute path", "begin it with /");
    const place = [...path, issue.keys[0] ?? ""];
    return document.message(place, "is not a known key", `remove it (a receiver over http knows ${known})`);
  });
}

function pushKeyProblems(document: ConfigDocument, id: string, receiver: Receiver): readonly ConfigMessage[] {
  if (receiver.disabled || isLoopback(receiver.bind_host)) return [];
  return receiver.api_keys.flatMap(({ key, pipe_id }, at) => {
    const place = ["receivers", id, "api_keys", at, "key"];
    return isGuessable(key) ? [guessable(document, place, receiver.bind_host, `--push ${pipe_id}`)] : [];
  });
}

export function viewProblems(document: ConfigDocument, id: string, view: View, host: string): readonly ConfigMessage[] {
  if (view.disabled || isLoopback(host)) return [];
  return view.api_keys.flatMap((key, at) =>
    isGuessable(key) ? [guessable(document, ["views", id, "api_keys", at], host, `--read ${id}`)] : [],
  );
}

const guessable = (
  document: ConfigDocument,
  place: readonly PropertyKey[],
  host: string,
  scope: string,
): ConfigMessage =>
  document.message(
    place,
    `is shorter than 16 characters or stands in the documentation, and ${host} is reached from other machines`,
    `remove it and run: fustor-agent fusion keys create ${scope}`,
  );
