/** What clients must not be able to do to the receiver, with and without a key. */
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata, status } from "@grpc/grpc-js";
import type { OpenReceiver } from "fustor-agent/sdk";
import { expect, onTestFinished, test } from "vitest";
import { waitFor } from "../../../test/support/wait-for.ts";
import { type Answer, BatchSchema, EventSchema, RequestSchema } from "../src/gen/fustor/v1/receiver_pb.ts";
import { type Outgoing, sessionMethod } from "../src/wire.ts";
import { END, KEY, live, openTo, REQUEST, RecordingDesk, row, senderTo, signal } from "./fixture.ts";

interface Stranger {
  readonly call: ClientDuplexStream<Outgoing, Answer>;
  readonly answers: Answer[];
  /** Of the stream's end, once it has one. */
  code(): number | undefined;
}

function stranger({ url }: OpenReceiver, key?: string): Stranger {
  const client = new Client(new URL(url).host, credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
  const metadata = new Metadata();
  if (key !== undefined) metadata.set("x-api-key", key);
  const { path, requestSerialize, responseDeserialize } = sessionMethod;
  const call = client.makeBidiStreamRequest<Outgoing, Answer>(path, requestSerialize, responseDeserialize, metadata);
  const answers: Answer[] = [];
  let code: number | undefined;
  call.on("data", (answer: Answer) => answers.push(answer));
  call.on("error", () => undefined);
  call.on("status", (ended) => {
    code = ended.code;
  });
  onTestFinished(() => client.close());
  return { call, answers, code: () => code };
}

const part = (call: number, data: Uint8Array, isLast: boolean) =>
  create(RequestSchema, { call, kind: { case: "part", value: { data, isLast } } });
const open = create(RequestSchema, { call: 1, kind: { case: "open", value: { taskId: "a:p1" } } });
const beat = create(RequestSchema, { call: 2, kind: { case: "heartbeat", value: {} } });

async function receiverOf(desk = new RecordingDesk()) {
  const receiver = await openTo(desk);
  onTestFinished(() => receiver.close());
  return { desk, receiver };
}

const until = (holds: () => boolean, what: string) => waitFor(holds, { timeoutMs: 15_000, what });

/** An agent is served as before. */
async function demandService(receiver: OpenReceiver): Promise<void> {
  const sender = await senderTo(receiver.url);
  const { sessionId } = await sender.createSession(REQUEST, { signal });
  await sender.push(sessionId, live([row("/served")]), { signal });
  await sender.push(sessionId, END, { signal });
}

test("without the key nothing is read of what a client sends, however much it is", async () => {
  const { desk, receiver } = await receiverOf();
  const flood = Buffer.alloc(900_000);
  for (const key of [undefined, "", "wrong", "x".repeat(4000)]) {
    const { call, answers, code } = stranger(receiver, key);
    for (let at = 0; at < 20; at++) call.write(part(1, flood, false));
    await until(() => code() === status.UNAUTHENTICATED, "the refusal");
    expect(answers).toEqual([]);
  }
  expect(desk.held).toBe(0);
  await demandService(receiver);
});

test("a key that is revoked opens nothing more on the stream that it opened", async () => {
  const { desk, receiver } = await receiverOf();
  const { call, answers, code } = stranger(receiver, KEY);
  call.write(open);
  await until(() => answers.length === 1, "the session");
  desk.isKeyRevoked = true;
  call.write(beat);
  await until(() => code() === status.UNAUTHENTICATED, "the end of the stream");
  expect(answers).toHaveLength(1);
  desk.isKeyRevoked = false;
  await demandService(receiver);
});

test("a message above the bound ends its stream alone", async () => {
  const { receiver } = await receiverOf();
  const { call, code } = stranger(receiver, KEY);
  call.write(open);
  call.write(part(2, Buffer.alloc(2_000_000), false));
  await until(() => code() === status.RESOURCE_EXHAUSTED, "the end of the stream");
  await demandService(receiver);
});

test("what never becomes a whole batch takes no more than its budget, and gives it back", async () => {
  const { desk, receiver } = await receiverOf();
  desk.budget = 3_000_000;
  const held = [1, 2, 3, 4].map(() => stranger(receiver, KEY));
  for (const { call } of held) {
    call.write(open);
    for (let at = 0; at < 8; at++) call.write(part(2, Buffer.alloc(200_000), false));
  }
  const refusals = () => held.flatMap(({ answers }) => answers.filter(({ kind }) => kind.case === "refusal"));
  await until(() => refusals().length >= 2, "refusals");
  expect(desk.held).toBeLessThanOrEqual(3_000_000);
  expect(refusals().map(({ kind }) => (kind.case === "refusal" ? kind.value.status : 0))).toContain(503);
  for (const { call } of held) call.cancel();
  await until(() => desk.held === 0, "the budget is free again");
  await demandService(receiver);
});

test("batches of nothing but empty fields, deep lists or rubbish are refused before they are taken apart", async () => {
  const { desk, receiver } = await receiverOf();
  const { call, answers, code } = stranger(receiver, KEY);
  call.write(open);
  const empty = Buffer.alloc(500_000, Buffer.from([0x32, 0x00]));
  const inner = Buffer.alloc(400_000, Buffer.from([0x32, 0x00]));
  const nested = Buffer.concat([Buffer.from([0x32, 0x80, 0xb5, 0x18]), inner]);
  const rows = (text: string) => {
    const event = create(EventSchema, { eventType: "update", rows: Buffer.from(text) });
    return toBinary(BatchSchema, create(BatchSchema, { sourceType: "message", events: [event] }));
  };
  const latin1 = toBinary(
    BatchSchema,
    create(BatchSchema, { events: [create(EventSchema, { rows: Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d]) })] }),
  );
  const bad = [empty, nested, rows("[".repeat(100_000)), rows(`[${"[],".repeat(100_000)}1]`), rows("{no"), rows("")];
  const all = [
    ...bad,
    latin1,
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x32, 0xff, 0xff, 0xff, 0xff, 0x0f]),
  ];
  for (const [at, data] of all.entries()) call.write(part(at + 2, data, true));
  await until(() => answers.length === all.length + 1, "an answer to each");
  const statuses = answers.slice(1).map(({ kind }) => (kind.case === "refusal" ? kind.value.status : kind.case));
  expect(statuses).toEqual(all.map(() => 422));
  expect(code()).toBeUndefined();
  expect(desk.held).toBe(0);
  expect(desk.batches).toEqual([]);
});

test("a stream begins with a session, and has one", async () => {
  const { receiver } = await receiverOf();
  const [early, double, kindless] = [1, 2, 3].map(() => stranger(receiver, KEY)) as [Stranger, Stranger, Stranger];
  early.call.write(beat);
  double.call.write(open);
  double.call.write({ ...open, call: 2 });
  kindless.call.write(open);
  kindless.call.write(create(RequestSchema, { call: 2 }));
  for (const { code } of [early, double, kindless]) await until(() => code() === status.INVALID_ARGUMENT, "its end");
});

test("streams of one key are bounded, and those who do not read their answers are not read either", async () => {
  const { desk, receiver } = await receiverOf();
  const many = Array.from({ length: 70 }, () => stranger(receiver, KEY));
  for (const { call } of many) call.write(open);
  await until(() => many.filter(({ code }) => code() === status.RESOURCE_EXHAUSTED).length === 6, "six are refused");
  for (const { call } of many) call.cancel();
  let beats = 0;
  desk.heartbeat = () => {
    beats++;
    return { status: 200, body: { role: "leader", commands: [{ type: "x", text: "y".repeat(50_000) }] } };
  };
  const deaf = Array.from({ length: 6 }, () => stranger(receiver, KEY));
  for (const { call, answers } of deaf) {
    call.write(open);
    await until(() => answers.length === 1, "its session");
    call.pause();
    for (let at = 0; at < 1000; at++) call.write({ ...beat, call: at + 2 });
  }
  // Of six, four may stay unread.
  const ended = (): boolean => {
    for (const { call } of deaf) call.read();
    return deaf.some(({ code }) => code() === status.RESOURCE_EXHAUSTED);
  };
  await demandService(receiver);
  expect(beats).toBeLessThan(3000);
  for (const { call } of deaf) call.resume();
  await until(ended, "the end of those that are too many");
});

test("connections that say nothing, rubbish or open and reset streams without end keep nobody out", async () => {
  const { receiver } = await receiverOf();
  const { hostname, port } = new URL(receiver.url);
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (let at = 0; at < 40; at++) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    if (at % 2 === 0) socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(100));
    sockets.push(socket);
  }
  const session = connectHttp2(`http://${hostname}:${port}`);
  session.on("error", () => undefined);
  onTestFinished(() => session.destroy());
  const headers = {
    ":method": "POST",
    ":path": sessionMethod.path,
    "content-type": "application/grpc",
    te: "trailers",
  };
  for (let at = 0; at < 2000 && !session.destroyed; at++) {
    const stream = session.request({ ...headers, "x-api-key": "wrong" });
    stream.on("error", () => undefined);
    stream.close(8);
  }
  await demandService(receiver);
});
