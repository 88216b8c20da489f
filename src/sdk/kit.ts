/**
 * `fustor-agent/sdk`: what a driver is written with. The contracts stand in the files that are exported here; beside
 * them are the parts that most drivers need. docs/sdk.md explains them.
 */
export { z } from "zod";
export * from "./availability.ts";
export * from "./bulk-rows.ts";
export * from "./change-feed.ts";
export * from "./decode-rows.ts";
export * from "./index.ts";
export * from "./legacy-names.ts";
export * from "./retry.ts";
export { duration, flag, interval, text, texts, wholeNumber } from "./values.ts";
