import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { loadIdentity } from "../../../../src/agent/identity/agent-identity.ts";
import { type HostFacts, readHostFacts, whyOtherHost } from "../../../../src/agent/identity/host-facts.ts";
import { folderIdentity } from "../../../../src/agent/identity/instance-record.ts";
import { identityOf } from "../../../../src/agent/identity/process-identity.ts";
import { ownerOf } from "../../../../src/agent/identity/session-owner.ts";
import { FileStateStore } from "../../../../src/agent/state/state-store.ts";
import { silentLogger } from "../../../../src/sdk/index.ts";
import { freshFolder } from "../folder.ts";

const MACHINE: HostFacts = {
  machineId: "m1",
  productUuid: "u1",
  hostname: "one",
  networkAddresses: ["52:54:00:00:00:01"],
};

function identityOfHome(home: string, facts: HostFacts, configuredId?: string) {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_facts: object, message: string) => void warnings.push(message) };
  return loadIdentity({ home, configuredId, logger, facts }).then((identity) => ({ ...identity, warnings }));
}

describe("another machine", () => {
  test.each<[string, Partial<HostFacts>, Partial<HostFacts>, boolean]>([
    ["nothing changed", {}, {}, false],
    ["another machine id", {}, { machineId: "m2" }, true],
    ["a clone with the same machine id and other hardware", {}, { productUuid: "u2" }, true],
    ["a new host name", {}, { hostname: "two" }, false],
    ["a new host name and other cards on the same hardware", {}, { hostname: "two", networkAddresses: ["x"] }, false],
    ["a machine id that cannot be read any more", {}, { machineId: "" }, false],
    [
      "a clone that cannot read the hardware id",
      { productUuid: "" },
      { productUuid: "", hostname: "two", networkAddresses: ["52:54:00:00:00:02"] },
      true,
    ],
    ["a new card", { productUuid: "" }, { productUuid: "", networkAddresses: ["52:54:00:00:00:02"] }, false],
    [
      "a new name and one card more",
      { productUuid: "" },
      { productUuid: "", hostname: "two", networkAddresses: ["52:54:00:00:00:01", "52:54:00:00:00:02"] },
      false,
    ],
    [
      "a container that was made anew",
      { productUuid: "", machineId: "", networkAddresses: [] },
      { productUuid: "", machineId: "", networkAddresses: [], hostname: "c4f3" },
      false,
    ],
  ])("%s: %o -> %o is %s", (_, before, now, other) => {
    expect(whyOtherHost({ ...MACHINE, ...before }, { ...MACHINE, ...now }) !== undefined).toBe(other);
  });

  test("this one has facts, and hardware says nothing inside a container", async () => {
    expect((await readHostFacts({})).hostname).not.toBe("");
    expect(await readHostFacts({ KUBERNETES_SERVICE_HOST: "10.0.0.1" })).toMatchObject({
      productUuid: "",
      networkAddresses: [],
    });
  });
});

describe("the identity of an agent", () => {
  test("stays over starts and goes with a home that moves", async () => {
    const home = join(await freshFolder(), "home");
    execFileSync("mkdir", [home]);
    const first = await identityOfHome(home, MACHINE);
    expect(await identityOfHome(home, { ...MACHINE, hostname: "renamed" })).toMatchObject({
      agentId: first.agentId,
      hostId: first.hostId,
      isSameHardware: true,
      warnings: [],
    });
    await rename(home, `${home}-moved`);
    const moved = await identityOfHome(`${home}-moved`, MACHINE);
    expect([moved.agentId, moved.hostId, moved.warnings]).toEqual([first.agentId, first.hostId, []]);
    await symlink(`${home}-moved`, home);
    expect((await identityOfHome(home, MACHINE)).agentId).toBe(first.agentId);
  });

  test("is a new one on a cloned machine, with a remark that names both", async () => {
    const home = await freshFolder();
    const first = await identityOfHome(home, MACHINE);
    const clone = await identityOfHome(home, { ...MACHINE, productUuid: "u2" });
    expect(clone.agentId).not.toBe(first.agentId);
    expect(clone.hostId).not.toBe(first.hostId);
    expect(clone.isSameHardware).toBe(false);
    expect(clone.warnings).toEqual([
      expect.stringContaining(`the new id ${clone.agentId}; to keep the old one, write agent_id: ${first.agentId}`),
    ]);
    expect(await identityOfHome(home, { ...MACHINE, productUuid: "u2" })).toMatchObject({
      agentId: clone.agentId,
      warnings: [],
    });
  });

  test("is a new one in a copy beside the original, and the original keeps its own", async () => {
    const home = await freshFolder();
    const first = await identityOfHome(home, MACHINE);
    const copy = join(await freshFolder(), "copy");
    await cp(home, copy, { recursive: true });
    const second = await identityOfHome(copy, MACHINE);
    expect(second.agentId).not.toBe(first.agentId);
    expect(second.warnings.join()).toContain(`a copy of ${home}, which is still there`);
    expect(await identityOfHome(home, MACHINE)).toMatchObject({ agentId: first.agentId, warnings: [] });
  });

  test("of the configuration is kept, and still nothing is remembered of the other machine", async () => {
    const home = await freshFolder();
    const first = await identityOfHome(home, MACHINE, "mine");
    const clone = await identityOfHome(home, { ...MACHINE, machineId: "m2" }, "mine");
    expect([first.agentId, clone.agentId]).toEqual(["mine", "mine"]);
    expect(clone.hostId).not.toBe(first.hostId);
    expect(clone.warnings.join()).toContain("no two agents may have the same one");
  });

  test("survives a record of the machine that makes no sense", async () => {
    const home = await freshFolder();
    const { agentId } = await identityOfHome(home, MACHINE);
    for (const text of ["", "{}", '{"version":1,"facts":{"networkAddresses":7}}', "null"]) {
      await writeFile(join(home, "agent.host"), text);
      expect(await identityOfHome(home, MACHINE)).toMatchObject({ agentId, warnings: [] });
    }
    expect(JSON.parse(await readFile(join(home, "agent.host"), "utf8"))).toMatchObject({ version: 1, facts: MACHINE });
  });
});

describe("a remembered session", () => {
  async function sleeper(): Promise<{ readonly child: ChildProcess; readonly text: string; readonly folder: string }> {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(child, "spawn");
    const identity = await identityOf(child.pid ?? 0);
    if (identity === undefined) throw new Error("sleep does not run");
    const folder = await freshFolder();
    const words = [
      identity.pid,
      identity.startTicks,
      identity.bootId,
      identity.pidNamespace,
      await folderIdentity(folder),
    ];
    return { child, text: words.join(" "), folder };
  }

  test("is that of a dead run when its process is gone, and not while it lives", async () => {
    const { child, text, folder } = await sleeper();
    const owner = await ownerOf(folder, true);
    expect(await owner.isGone(text)).toBe(false);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await owner.isGone(text)).toBe(true);
    expect(await owner.isGone(owner.self)).toBe(true);
  });

  test("of another container is that of a dead run when it had this very home, whose lock we hold", async () => {
    const { text, folder } = await sleeper();
    const elsewhere = text.replace(/pid:\[\d+\]/, "pid:[1]");
    expect(await (await ownerOf(folder, false)).isGone(elsewhere)).toBe(true);
    expect(await (await ownerOf(await freshFolder(), true)).isGone(elsewhere)).toBe(false);
  });

  test("of another boot is that of a dead run only on certainly the same machine", async () => {
    const { text, folder } = await sleeper();
    const before = text.replace(/[0-9a-f]{8}-[0-9a-f-]+/, "another-boot");
    expect(before).not.toBe(text);
    expect(await (await ownerOf(folder, true)).isGone(before)).toBe(true);
    expect(await (await ownerOf(folder, false)).isGone(before)).toBe(false);
    for (const nonsense of [undefined, "", "1 2 3"]) {
      expect(await (await ownerOf(folder, true)).isGone(nonsense)).toBe(false);
    }
  });

  test("of a run that may live is not handed out, and one of a run that ended is", async () => {
    const home = await freshFolder();
    const open = async (ended: boolean) => {
      const owner = { self: "me", isGone: async (written: string | undefined) => written === "me" && ended };
      return (await FileStateStore.open(home, "h", silentLogger, { owner })).pipeStoreOf("p", "http://there");
    };
    await (await open(true)).rememberSession("s-1");
    expect(await (await open(false)).rememberedSession()).toBeUndefined();
    expect(await (await open(true)).rememberedSession()).toBe("s-1");
    await rm(home, { recursive: true });
  });
});
