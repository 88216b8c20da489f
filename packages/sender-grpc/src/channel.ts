/** Connections to the receiver. Each stream has one of its own, so that a call is one attempt and never waits for a back-off. */
import { type ChannelOptions, Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { isLoopback, maskOf, readCaFile } from "fustor-agent/sdk";
import type { Answer } from "./gen/fustor/v1/receiver_pb.ts";
import type { GrpcParams } from "./params.ts";
import { KEY_NAME, MOST_MESSAGE_BYTES, type Outgoing, sessionMethod } from "./wire.ts";

export interface GrpcSettings {
  /** `grpc://host:port` or `grpcs://host:port`. */
  readonly uri: string;
  readonly key?: string;
  readonly timeoutMs: number;
  readonly params: GrpcParams;
}

export interface OpenCall {
  readonly call: ClientDuplexStream<Outgoing, Answer>;
  /** Ends the connection. */
  close(): void;
}

const KEEPALIVE_TIMEOUT_MS = 10_000;

export class Channel {
  /** `host:port`, for messages. */
  readonly address: string;
  /** Takes the key out of a text. */
  readonly hide: (text: string) => string;
  readonly #credentials: ReturnType<typeof credentials.createInsecure>;
  readonly #options: ChannelOptions;
  readonly #key: string | undefined;

  /** Throws when the certificates are of no use. */
  constructor({ uri, key, params }: GrpcSettings) {
    const url = new URL(uri);
    this.address = url.host;
    this.hide = key === undefined ? (text) => text : maskOf([key], "[key]");
    this.#key = key;
    const ca = params.ca_file === undefined ? null : Buffer.from(readCaFile(params.ca_file));
    this.#credentials = url.protocol === "grpcs:" ? credentials.createSsl(ca) : credentials.createInsecure();
    this.#options = {
      "grpc.use_local_subchannel_pool": 1,
      "grpc.service_config_disable_resolution": 1,
      "grpc.enable_retries": 0,
      "grpc.enable_http_proxy": isLoopback(url) ? 0 : 1,
      "grpc.keepalive_time_ms": params.keepalive_sec * 1000,
      "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
      "grpc.max_receive_message_length": MOST_MESSAGE_BYTES,
      ...(params.server_name === undefined ? {} : { "grpc.ssl_target_name_override": params.server_name }),
    };
  }

  /** Connects in the background; what goes wrong is told by the call. */
  open(): OpenCall {
    const client = new Client(this.address, this.#credentials, this.#options);
    const metadata = new Metadata();
    if (this.#key !== undefined) metadata.set(KEY_NAME, this.#key);
    const { path, requestSerialize, responseDeserialize } = sessionMethod;
    const call = client.makeBidiStreamRequest<Outgoing, Answer>(path, requestSerialize, responseDeserialize, metadata);
    return { call, close: () => client.close() };
  }
}
