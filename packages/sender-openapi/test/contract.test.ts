import { describeSender } from "fustor-agent/sdk/testing";
import { describe } from "vitest";
import driver from "../src/index.ts";
import { plainDocument, Service } from "./service.ts";

const params = driver.schema.parse({});

describe("a service with sessions", () => {
  describeSender(
    (service, context) => driver.create(context, { uri: service.uri, params, timeoutMs: 5000 }),
    () => new Service().listen(),
  );
});

describe("a service without sessions", () => {
  describeSender(
    (service, context) => driver.create(context, { uri: service.uri, params, timeoutMs: 5000 }),
    async () => {
      const service = await new Service().listen();
      service.document = plainDocument();
      return service;
    },
  );
});
