import { expect, test } from "vitest";
import { acquireInstance } from "../../../../src/agent/process/instance-lock.ts";
import { lockFile } from "../../../../src/agent/process/native-lock.ts";
import { freshFolder } from "../folder.ts";

test.each(["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP"])(
  "a home whose file system has no locks (%s) is refused with what to do",
  async (code) => {
    const home = await freshFolder();
    const noLocks = (): never => {
      throw Object.assign(new Error(`${code}: no locks available`), { code });
    };
    await expect(acquireInstance(home, noLocks)).rejects.toMatchObject({
      code: "FUSTOR_HOME_UNUSABLE",
      message: expect.stringMatching(
        /agent\.lock cannot be locked: its file system has no locks \(E[A-Z]+\); set FUSTOR_HOME to a folder on a local disk/,
      ),
    });
    // Nothing of that attempt keeps a home out that has locks by then.
    const held = await acquireInstance(home, lockFile);
    expect(await held.look()).toBe("ours");
    await held.release();
  },
);
