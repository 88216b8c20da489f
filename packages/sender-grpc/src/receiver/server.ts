/** The port of the receiver: connections, TLS and how many of everything there may be. */
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server as NetServer, type Socket } from "node:net";
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { FustorError, isLoopback, type OpenReceiver, type ReceiverContext } from "fustor-agent/sdk";
import type { Answer, Request } from "../gen/fustor/v1/receiver_pb.ts";
import { MOST_MESSAGE_BYTES, sessionMethod } from "../wire.ts";
import { AgentStreams } from "./agent-streams.ts";
import type { ReceiverParams } from "./index.ts";
import { widenWindows } from "./windows.ts";

/** As of the receivers over HTTP. Further connections are closed at once. */
const MOST_CONNECTIONS = 512;
/** An agent has one stream at a time, and for a moment a second one. */
const STREAMS_PER_CONNECTION = 4;
/** A connection without a stream is closed after so long. */
const IDLE_MS = 75_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
/** What one connection may hold in headers and frames, in MB. */
const SESSION_MEMORY_MB = 4;

const refused = (message: string, cause: unknown): FustorError =>
  new FustorError("FUSTOR_CONFIG_INVALID", message, { cause });

function credentialsOf({ cert_file, key_file, client_ca_file }: ReceiverParams, id: string): ServerCredentials {
  if (cert_file === undefined || key_file === undefined) return ServerCredentials.createInsecure();
  try {
    const pair = { cert_chain: readFileSync(cert_file), private_key: readFileSync(key_file) };
    const clientCa = client_ca_file === undefined ? null : readFileSync(client_ca_file);
    return ServerCredentials.createSsl(clientCa, [pair], clientCa !== null);
  } catch (cause) {
    const message = `receivers.${id}.driver_params: the certificate or its key cannot be read, name PEM files`;
    throw refused(message, cause);
  }
}

function makeServer(streams: AgentStreams, { keepalive_sec }: ReceiverParams): Server {
  const server = new Server({
    "grpc.max_receive_message_length": MOST_MESSAGE_BYTES,
    "grpc.max_concurrent_streams": STREAMS_PER_CONNECTION,
    "grpc.max_connection_idle_ms": IDLE_MS,
    "grpc.keepalive_time_ms": keepalive_sec * 1000,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc-node.max_session_memory": SESSION_MEMORY_MB,
  });
  const session = (call: ServerDuplexStream<Request, Answer>): void => streams.take(call);
  server.addService({ session: sessionMethod }, { session });
  return server;
}

async function listenOn(listener: NetServer, { id, host, port }: ReceiverContext): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(port, host, resolve);
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "is taken by another program" : `cannot be opened (${code ?? String(cause)})`;
    const message = `receiver ${id}: port ${port} on ${host} ${why}, choose another in the configuration`;
    throw refused(message, cause);
  }
  // A connection that could not be accepted is lost for its client, and has no other effect.
  listener.on("error", () => undefined);
  return (listener.address() as AddressInfo).port;
}

export async function openServer(context: ReceiverContext<ReceiverParams>): Promise<OpenReceiver> {
  const { host, params, desk, logger, id } = context;
  const credentials = credentialsOf(params, id);
  const streams = new AgentStreams(desk, logger);
  const server = makeServer(streams, params);
  const injector = server.createConnectionInjector(credentials);
  widenWindows(server);
  const sockets = new Set<Socket>();
  const listener = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    injector.injectConnection(socket);
  });
  listener.maxConnections = MOST_CONNECTIONS;
  const name = host.includes(":") ? `[${host}]` : host;
  const isTls = params.cert_file !== undefined;
  try {
    const port = await listenOn(listener, context);
    const url = `${isTls ? "grpcs" : "grpc"}://${name}:${port}`;
    if (!isTls && !isLoopback(new URL(url))) {
      logger.warn({ receiver: id }, "takes keys without TLS from other machines: name cert_file and key_file");
    }
    const close = async (): Promise<void> => {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      injector.destroy();
      server.forceShutdown();
      streams.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    };
    return { url, close };
  } catch (error) {
    injector.destroy();
    server.forceShutdown();
    throw error;
  }
}
