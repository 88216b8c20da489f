export * from "./changes.ts";
export * from "./envelope.ts";
export * from "./errors.ts";
export * from "./excerpt.ts";
export * from "./observer.ts";
export * from "./sender-driver.ts";
export * from "./session.ts";
export * from "./source-driver.ts";
