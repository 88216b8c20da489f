/**
 * The cookies of one receiver: a balancer in front of several Fusions sends them so that session, heartbeat and rows of
 * an agent reach the same one. RFC 6265 as far as a single origin needs it; nothing outlives the process, and no value
 * is ever logged.
 */
import { isIP } from "node:net";

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  readonly expiresAt: number;
}

export interface CookieOrigin {
  readonly host: string;
  readonly isTls: boolean;
  readonly basePath: string;
}

/** All together: a receiver must not make every request too large for itself. */
const MAX_HEADER_CHARS = 4096;
const MAX_COOKIES = 20;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\x20-\x3a\x3c-\x7e]*$/;

export class CookieJar {
  readonly #origin: CookieOrigin;
  readonly #wallClock: () => number;
  readonly #cookies = new Map<string, Cookie>();

  constructor(origin: CookieOrigin, wallClock: () => number = Date.now) {
    this.#origin = origin;
    this.#wallClock = wallClock;
  }

  /** `requestPath`: below the base path, of the request that was answered. */
  take(header: string | string[] | undefined, requestPath: string): void {
    if (header === undefined) return;
    for (const line of Array.isArray(header) ? header : [header]) {
      const cookie = this.#parse(line, `${this.#origin.basePath}${requestPath}`);
      if (cookie === undefined) continue;
      const id = `${cookie.path}\n${cookie.name}`;
      this.#cookies.delete(id);
      if (cookie.expiresAt > this.#wallClock()) this.#cookies.set(id, cookie);
      if (this.#cookies.size > MAX_COOKIES) this.#dropOldest();
    }
  }

  /** What a request of this path carries; undefined: nothing. */
  header(path: string): string | undefined {
    if (this.#cookies.size === 0) return undefined;
    const now = this.#wallClock();
    const parts: string[] = [];
    let length = 0;
    const longestPathFirst = [...this.#cookies.values()].toSorted((a, b) => b.path.length - a.path.length);
    for (const { name, value, path: of, expiresAt } of longestPathFirst) {
      if (expiresAt <= now || !isBelow(path, of)) continue;
      const pair = `${name}=${value}`;
      length += pair.length + 2;
      if (length <= MAX_HEADER_CHARS) parts.push(pair);
    }
    return parts.length === 0 ? undefined : parts.join("; ");
  }

  #dropOldest(): void {
    const [oldest] = this.#cookies.keys();
    if (oldest !== undefined) this.#cookies.delete(oldest);
  }

  #parse(line: string, requestPath: string): Cookie | undefined {
    const [pair = "", ...rest] = line.split(";");
    const at = pair.indexOf("=");
    const name = pair.slice(0, Math.max(at, 0)).trim();
    const value = pair.slice(at + 1).trim();
    if (!NAME.test(name) || !VALUE.test(value) || name.length + value.length > MAX_HEADER_CHARS) return undefined;
    const attributes = new Map(rest.map(attributeOf));
    const domain = attributes.get("domain");
    if (domain !== undefined && domain !== "" && !this.#isOurs(domain)) return undefined;
    if (attributes.has("secure") && !this.#origin.isTls) return undefined;
    const path = attributes.get("path");
    return {
      name,
      value,
      path: path?.startsWith("/") ? path : defaultPath(requestPath),
      expiresAt: this.#expiry(attributes),
    };
  }

  #isOurs(domain: string): boolean {
    const wanted = domain.replace(/^\./, "").toLowerCase();
    const host = this.#origin.host.toLowerCase();
    return host === wanted || (isIP(host) === 0 && host.endsWith(`.${wanted}`));
  }

  #expiry(attributes: ReadonlyMap<string, string>): number {
    const maxAge = attributes.get("max-age");
    if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return this.#wallClock() + Number(maxAge) * 1000;
    const expires = Date.parse(attributes.get("expires") ?? "");
    return Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires;
  }
}

function attributeOf(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  if (at < 0) return [text.trim().toLowerCase(), ""];
  return [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}

/** Of a cookie that names none: the folder of the path that was asked for. */
function defaultPath(requestPath: string): string {
  const end = requestPath.lastIndexOf("/");
  return end <= 0 ? "/" : requestPath.slice(0, end);
}

const isBelow = (path: string, folder: string): boolean =>
  path === folder || (path.startsWith(folder) && (folder.endsWith("/") || path[folder.length] === "/"));
