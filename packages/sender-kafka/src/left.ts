/** What a session that ended in order leaves for the next run: where the topic ended then. */
import type { DriverFiles, Logger } from "fustor-agent/sdk";
import { describeError, z } from "fustor-agent/sdk";

const FILE = "left.json";

const leftSchema = z.object({
  session: z.string(),
  topicId: z.string(),
  ends: z.array(z.string()),
  index: z.number(),
});

export type Left = z.output<typeof leftSchema>;

/** Once: what is taken is gone. */
export async function takeLeft(files: DriverFiles | undefined, logger: Logger): Promise<Left | undefined> {
  try {
    const text = await files?.read(FILE);
    if (text === undefined) return undefined;
    await files?.remove(FILE);
    return leftSchema.parse(JSON.parse(text));
  } catch (error) {
    logger.warn({}, `the next snapshot is compared with the whole topic: ${describeError(error)}`);
    return undefined;
  }
}

export async function keepLeft(files: DriverFiles | undefined, left: Left): Promise<void> {
  await files?.write(FILE, JSON.stringify(left));
}
