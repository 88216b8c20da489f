/**
 * Which proxy leads to a receiver: the one that `driver_params.proxy` names, else the environment's, by the customs of
 * curl and Go. Messages never repeat an address: it may hold a password.
 */
import { BlockList, isIP } from "node:net";
import type { EntryCheck } from "../driver.ts";
import { isLoopback } from "./loopback.ts";

const CURE = "write it like http://proxy.example:3128, or http://user:password@proxy.example:3128";

/** What is written for "no proxy, whatever the environment says". */
const NONE = "none";

/** The variable of the environment that an address came from; undefined when the configuration holds it. */
type Variable = string | undefined;

/**
 * The address of a proxy as a whole URL; undefined when an error was reported. `proxy.example:3128` stands for http.
 */
function proxyUrl(written: string, variable: Variable, check: EntryCheck): string | undefined {
  const text = written.trim();
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  const origin = variable === undefined ? undefined : `environment variable ${variable}`;
  const refuse = (what: string): undefined => check.error("driver_params.proxy", what, CURE, origin) as undefined;
  if (url === undefined || url.hostname === "") return refuse("is no address of a proxy");
  if (url.protocol === "http:" || url.protocol === "https:") return url.href;
  return refuse("is no http or https proxy; others, such as SOCKS, cannot be used");
}

/** An empty value counts as not set. The small letters win, as they do for curl. */
const setIn = (check: EntryCheck, name: string): readonly [string, string] | undefined => {
  for (const each of [name.toLowerCase(), name]) {
    const value = check.variable(each)?.trim();
    if (value !== undefined && value !== "") return [each, value];
  }
  return undefined;
};

/**
 * The proxy for this address, undefined for none, or for one whose error was reported. `written` is
 * `driver_params.proxy` with its placeholders replaced.
 */
export function proxyFor(target: URL, written: string | undefined, check: EntryCheck): string | undefined {
  if (written !== undefined) {
    return written.trim().toLowerCase() === NONE ? undefined : proxyUrl(written, undefined, check);
  }
  // As for Go: what stays on the machine takes no way round.
  if (isLoopback(target)) return undefined;
  const found = setIn(check, target.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY");
  if (found === undefined || isExempt(target, setIn(check, "NO_PROXY")?.[1] ?? "")) return undefined;
  const [name, value] = found;
  return proxyUrl(value, name, check);
}

const bare = (host: string): string => host.replace(/^\[(.*)\]$/, "$1").toLowerCase();

const portOf = (url: URL): string => url.port || (url.protocol === "https:" ? "443" : "80");

/**
 * Whether `NO_PROXY` names this address. Its entries, parted by commas or spaces: `*`, a host or a domain (with all
 * below it, with or without a leading dot or `*.`), an address, a block of addresses such as 10.0.0.0/8; each may have
 * `:port` behind it.
 */
export function isExempt(target: URL, noProxy: string): boolean {
  const host = bare(target.hostname);
  return noProxy
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => matches(entry.toLowerCase(), host, portOf(target)));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const { name, port: wantedPort } = splitPort(entry);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  if (isIP(host) !== 0) return isInBlock(name, host);
  const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
  const plain = host.replace(/\.$/, "");
  return domain !== "" && (plain === domain || plain.endsWith(`.${domain}`));
}

/** An IPv6 address has colons of its own: with a port it stands in brackets. */
function splitPort(entry: string): { readonly name: string; readonly port: string | undefined } {
  if (isIP(entry.split("/")[0] ?? "") === 6) return { name: entry, port: undefined };
  const [, name = entry, port] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
  return { name: bare(name), port };
}

function isInBlock(entry: string, address: string): boolean {
  const [network = "", prefix] = entry.split("/");
  const family = isIP(network);
  if (family === 0) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const bits = prefix === undefined ? (family === 4 ? 32 : 128) : Number(prefix);
  if (!Number.isInteger(bits) || bits < 0 || bits > (family === 4 ? 32 : 128)) return false;
  const block = new BlockList();
  block.addSubnet(network, bits, type);
  return block.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}
