export * from "./fake-fusion.ts";
export * from "./fake-sender.ts";
export * from "./fake-source.ts";
