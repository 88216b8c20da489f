/** What a user configures, and where the requests go with it. */
import {
  type Credential,
  type DriverEntry,
  duration,
  type EntryCheck,
  flag,
  text,
  texts,
  type WrittenEntry,
  wholeNumber,
  z,
} from "fustor-agent/sdk";

export const schema = z.object({
  endpoint: text.optional(),
  region: text.optional(),
  addressing: z.enum(["path", "virtual"], { error: "is no form of address; write path or virtual" }).optional(),
  session_token: text.optional(),
  anonymous: flag.default(false),
  exclude: texts("is no list of patterns; write texts such as '*.tmp' or /logs/**").default([]),
  interval_sec: duration.default(60),
  parallel: wholeNumber(1, 64).default(8),
  timeout_sec: duration.default(30),
});

export type Params = z.output<typeof schema>;

const FORM = "write s3://bucket or s3://bucket/folder/";
const KEYS =
  "write user (the access key) and passwd (the secret key) in credential, the latter as a variable of the environment; " +
  "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or anonymous: true";

interface Place {
  readonly bucket: string;
  /** Empty, or with a slash at its end. */
  readonly prefix: string;
}

export function placeOf(uri: string): Place | undefined {
  const [, bucket, rest = ""] = /^(?:s3|oss):\/\/([a-z0-9][a-z0-9._-]{1,61}[a-z0-9])(?:\/(.*))?$/s.exec(uri) ?? [];
  if (bucket === undefined) return undefined;
  return { bucket, prefix: rest === "" || rest.endsWith("/") ? rest : `${rest}/` };
}

function endpointOf(written: string): URL | undefined {
  const whole = /^https?:\/\//i.test(written) ? written : `https://${written}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const isBare = url?.pathname === "/" && url.search === "" && url.hash === "" && url.username === "";
  return isBare && url.password === "" ? url : undefined;
}

export function check(entry: WrittenEntry<Params>, report: EntryCheck): DriverEntry<Params> | undefined {
  const { uri, params } = entry;
  if (uri === undefined || params === undefined) return undefined;
  let isRight = true;
  const wrong = (...facts: Parameters<EntryCheck["error"]>): void => {
    report.error(...facts);
    isRight = false;
  };
  if (placeOf(uri) === undefined) wrong("uri", "is no address of a bucket", FORM);
  if (params.endpoint !== undefined && endpointOf(params.endpoint) === undefined) {
    wrong("driver_params.endpoint", "is no address of a store", "write it like https://oss-cn-hangzhou.aliyuncs.com");
  }
  const endpoint = params.endpoint === undefined ? undefined : endpointOf(params.endpoint);
  if (endpoint?.protocol === "http:" && !isLocal(endpoint)) {
    report.warn("driver_params.endpoint", "sends names and sizes of all objects without encryption", "write https://");
  }
  const sessionToken =
    params.session_token === undefined ? undefined : report.expand(params.session_token, "driver_params.session_token");
  if (params.session_token !== undefined && sessionToken === undefined) isRight = false;
  const signing = signingOf(entry.credential, { ...params, session_token: sessionToken }, report, wrong);
  const region = params.region ?? report.variable("AWS_REGION") ?? report.variable("AWS_DEFAULT_REGION");
  if (!isRight) return undefined;
  return { uri, ...signing.credential, params: { ...params, ...signing.token, ...(region ? { region } : {}) } };
}

type Wrong = (...facts: Parameters<EntryCheck["error"]>) => void;

interface Signing {
  readonly credential?: { readonly credential: Credential };
  readonly token?: { readonly session_token: string };
}

/** The keys of the entry, else those of the environment. */
function signingOf(
  credential: Credential | undefined,
  params: { readonly anonymous: boolean; readonly session_token: string | undefined },
  report: EntryCheck,
  wrong: Wrong,
): Signing {
  if (params.anonymous || report.isWritten("credential")) {
    if (credential?.kind === "key") wrong("credential", "is one key", KEYS);
    const token = params.session_token === undefined ? {} : { token: { session_token: params.session_token } };
    return { ...(credential === undefined || params.anonymous ? {} : { credential: { credential } }), ...token };
  }
  const [user, password] = [report.variable("AWS_ACCESS_KEY_ID"), report.variable("AWS_SECRET_ACCESS_KEY")];
  const token = params.session_token ?? report.variable("AWS_SESSION_TOKEN");
  if (!user || !password) {
    wrong("credential", "is missing", KEYS);
    return {};
  }
  return {
    credential: { credential: { kind: "password", user, password } },
    ...(token ? { token: { session_token: token } } : {}),
  };
}

const isLocal = ({ hostname }: URL): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

export interface Target extends Place {
  /** Requests go here; with a slash at its end. */
  readonly base: string;
  /** Where `base` follows from the region alone, another region is another address. */
  readonly isRegional: boolean;
  readonly region: string;
  /** For messages. */
  readonly host: string;
}

/** A store whose address says its region needs no `region`. */
const REGION_IN_HOST = /^(?:s3[.-]([a-z0-9-]+)\.amazonaws\.com|oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com)/;
/** These stores know a bucket by the name of the host. */
const BY_HOST = /\.(amazonaws\.com(\.cn)?|aliyuncs\.com)$/;

export function targetOf(uri: string, { endpoint, region, addressing }: Params, otherRegion?: string): Target {
  const place = placeOf(uri);
  if (place === undefined) throw new Error(`the address is none of a bucket; ${FORM}`);
  const written = endpoint === undefined ? undefined : endpointOf(endpoint);
  const [, aws, oss] = REGION_IN_HOST.exec(written?.hostname ?? "") ?? [];
  const signed = otherRegion ?? region ?? aws ?? oss ?? "us-east-1";
  const url = written ?? new URL(`https://s3.${signed}.amazonaws.com${signed.startsWith("cn-") ? ".cn" : ""}`);
  // A certificate for *.host does not hold for a bucket with a dot in its name.
  const isByHost =
    addressing === undefined ? BY_HOST.test(url.hostname) && !place.bucket.includes(".") : addressing === "virtual";
  const base = isByHost ? `${url.protocol}//${place.bucket}.${url.host}/` : `${url.origin}/${place.bucket}/`;
  return { ...place, base, isRegional: written === undefined, region: signed, host: url.host };
}
