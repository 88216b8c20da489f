/** The method of the protocol as gRPC calls it, and how its messages become bytes. */

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import { type Answer, AnswerSchema, type Request, RequestSchema } from "./gen/fustor/v1/receiver_pb.ts";

/** Requests that hold rows are made by hand (batch-parts.ts). */
export type Outgoing = Request | Buffer;

export const KEY_NAME = "x-api-key";

/** A part of a batch has at most so many bytes of data. */
export const PART_BYTES = 262_144;
/** No message of the protocol is larger: what else is long is bounded by the receiver. */
export const MOST_MESSAGE_BYTES = 1_048_576;

/**
 * What a client may send before the receiver has read it: more than a batch, because a sender that waits for leave to go on
 * loses most of the rate where either side does not run at once.
 */
export const WINDOW_BYTES = 16_777_216;

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const sessionMethod: MethodDefinition<Outgoing, Answer> & MethodDefinition<Request, Answer> = {
  path: "/fustor.v1.Receiver/Session",
  requestStream: true,
  responseStream: true,
  requestSerialize: (request: Outgoing) =>
    Buffer.isBuffer(request) ? request : bufferOf(toBinary(RequestSchema, request)),
  requestDeserialize: (bytes: Buffer) => fromBinary(RequestSchema, bytes),
  responseSerialize: (answer: Answer) => bufferOf(toBinary(AnswerSchema, answer)),
  responseDeserialize: (bytes: Buffer) => fromBinary(AnswerSchema, bytes),
};
