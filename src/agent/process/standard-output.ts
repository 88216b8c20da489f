import { loadAddon } from "../../native/load.ts";

/**
 * Points standard output and standard error at an open file, so that what the runtime prints when it crashes lands
 * there.
 */
export const redirectOutput = (descriptor: number): void => loadAddon().redirectOutput(descriptor);
