/** A small S3 server (moto) of the test's own, buckets in it, and a front that plays faults and checks signatures. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { freePorts } from "../../../test/support/free-ports.ts";
import { waitFor } from "../../../test/support/wait-for.ts";

const PROGRAM = resolve(import.meta.dirname, "../../../.interop/s3/bin/moto_server");
export const ACCESS = "AKIDOFTHETEST";
export const SECRET = "secret/of+the=test0123456789";

/** The server wants one, and looks no further. */
const ANY_SIGNATURE =
  "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";

export interface Fault {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a request is answered with instead; undefined: what the server says. */
export type FaultRule = (query: URLSearchParams, path: string) => Fault | undefined | Promise<Fault | undefined>;

export class S3Server {
  readonly #child: ChildProcess;
  readonly url: string;
  #buckets = 0;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  static async start(): Promise<S3Server> {
    if (!existsSync(PROGRAM)) {
      throw new Error(
        "there is no S3 server: run `npm run test:interop -- --prepare`, which installs one below .interop/",
      );
    }
    const [port = 0] = await freePorts(1);
    const child = spawn(PROGRAM, ["-H", "127.0.0.1", "-p", String(port)], { stdio: "ignore" });
    const server = new S3Server(child, `http://127.0.0.1:${port}`);
    const answers = async (): Promise<boolean> => {
      if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}`);
      return fetch(server.url).then(
        () => true,
        () => false,
      );
    };
    await waitFor(answers, { timeoutMs: 30_000, what: "the S3 server answers" });
    return server;
  }

  async bucket(): Promise<Bucket> {
    const bucket = new Bucket(this.url, `bucket-${++this.#buckets}`);
    await bucket.make();
    return bucket;
  }

  /** Its process stands still, with its ports open. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<void> {
    const ended = once(this.#child, "close");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

const encoded = (key: string): string =>
  encodeURIComponent(key).replace(/[.!'()*]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`);

export class Bucket {
  readonly server: string;
  readonly name: string;
  /** What it should hold, by key: the size. */
  readonly objects = new Map<string, number>();

  constructor(server: string, name: string) {
    this.server = server;
    this.name = name;
  }

  get uri(): string {
    return `s3://${this.name}`;
  }

  /** Not by fetch, which takes `..` out of a path. */
  async #send(method: string, path: string, body = ""): Promise<void> {
    const headers = {
      authorization: ANY_SIGNATURE,
      "content-type": "application/octet-stream",
      "content-length": Buffer.byteLength(body),
    };
    const sent = request(`${this.server}/`, { method, path: `/${this.name}${path}`, headers }).end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    let said = "";
    for await (const piece of answer.setEncoding("utf8")) said += piece;
    const { statusCode = 0 } = answer;
    if (statusCode < 200 || statusCode > 299) throw new Error(`${method} ${path}: ${statusCode} ${said}`);
  }

  make(): Promise<void> {
    return this.#send("PUT", "");
  }

  async put(key: string, body = "x"): Promise<void> {
    await this.#send("PUT", `/${encoded(key)}`, body);
    this.objects.set(key, body.length);
  }

  async putAll(keys: readonly string[]): Promise<void> {
    const left = [...keys];
    const work = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.put(key);
    };
    await Promise.all(Array.from({ length: 4 }, work));
  }

  async remove(key: string): Promise<void> {
    await this.#send("DELETE", `/${encoded(key)}`);
    this.objects.delete(key);
  }

  version(): Promise<void> {
    const body = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    return this.#send("PUT", "?versioning", body);
  }
}

/** Between the driver and the server. */
export class Front {
  readonly url: string;
  readonly #server: Server;
  /** Requests of listings, and how many were there at once. */
  listings = 0;
  most = 0;
  #open = 0;
  unsigned: string[] = [];
  rule: FaultRule = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async before(upstream: string): Promise<Front> {
    let front: Front | undefined;
    const server = createServer((asked, response) => void front?.take(upstream, asked, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    front = new Front(server);
    return front;
  }

  async take(upstream: string, asked: IncomingMessage, response: ServerResponse): Promise<void> {
    this.listings++;
    this.most = Math.max(this.most, ++this.#open);
    const url = new URL(asked.url ?? "/", this.url);
    const wrong = signatureDefect(asked, url);
    if (wrong !== undefined) this.unsigned.push(wrong);
    try {
      const fault = await this.rule(url.searchParams, url.pathname);
      if (fault !== undefined) {
        response.writeHead(fault.status, fault.headers).end(fault.body ?? "");
        return;
      }
      const answer = await fetch(`${upstream}${url.pathname}${url.search}`);
      const body = await answer.text();
      response.writeHead(answer.status, { "content-type": "application/xml" }).end(body);
    } catch {
      response.destroy();
    } finally {
      this.#open--;
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** The signature as the documents of the store describe it, computed anew. */
function signatureDefect({ headers: sent }: IncomingMessage, url: URL): string | undefined {
  const { authorization = "" } = sent;
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, access, day = "", region = "", names = "", signature] = form.exec(authorization) ?? [];
  if (access !== ACCESS) return `no signature: ${authorization}`;
  const query = url.search.slice(1).split("&").sort().join("&");
  const headers = names.split(";").map((name) => `${name}:${String(sent[name] ?? "").trim()}\n`);
  const hash = String(sent["x-amz-content-sha256"]);
  const canonical = ["GET", url.pathname, query, headers.join(""), names, hash].join("\n");
  const time = String(sent["x-amz-date"]);
  const scope = `${day}/${region}/s3/aws4_request`;
  const digest = createHash("sha256").update(canonical).digest("hex");
  const key = ["s3", "aws4_request"].reduce(hmac, hmac(hmac(`AWS4${SECRET}`, day), region));
  const wanted = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${digest}`).toString("hex");
  return wanted === signature ? undefined : `a wrong signature of ${url.search}`;
}
