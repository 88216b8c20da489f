/**
 * `fustor-agent/sdk`: what a driver is written with. The contracts stand in the files that are exported here; beside
 * them are the parts that most drivers need. docs/sdk.md explains them.
 */
export { z } from "zod";
export * from "./availability.ts";
export * from "./bulk-rows.ts";
export * from "./change-feed.ts";
export * from "./decode-rows.ts";
export { inspectCaFile, readCaFile } from "./http/ca-file.ts";
export { isLoopback } from "./http/loopback.ts";
export { proxyFor } from "./http/proxy.ts";
export { parseRetryAfter, redirectTarget, refusalDetail } from "./http/refusal.ts";
export { maskOf } from "./http/secret-mask.ts";
export * from "./index.ts";
export * from "./legacy-names.ts";
export * from "./receiver-driver.ts";
export * from "./retry.ts";
export * from "./sessionless-sender.ts";
export * from "./signal.ts";
export { duration, flag, interval, text, texts, wholeNumber } from "./values.ts";
