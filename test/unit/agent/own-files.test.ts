import { mkdir, realpath, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { excludedPaths, ownPaths } from "../../../src/agent/own-files.ts";
import { freshFolder } from "./folder.ts";

const config = (home: string, configDir = home, logDir = configDir) => ({
  home,
  configDir,
  logging: { dir: logDir, keepFiles: 2 },
});

test("the home is left out as a whole wherever it lies", () => {
  expect(ownPaths(config("/data/research/.fustor"), "/data/research")).toContain("/data/research/.fustor");
  expect(ownPaths(config("/srv/agent"), "/data")).toContain("/srv/agent");
});

test("of a log folder that is not ours only our log is left out", () => {
  const paths = ownPaths(config("/srv/agent", "/srv/agent", "/var/log"), "/var/log");
  expect(paths).toContain("/var/log/fustor_agent.log");
  expect(paths).toContain("/var/log/fustor_agent.log.2");
  expect(paths).not.toContain("/var/log");
});

test("of a configuration folder elsewhere only our configuration is left out", () => {
  const paths = ownPaths(config("/srv/agent", "/etc"), "/etc");
  expect(paths).toEqual(
    expect.arrayContaining(["/etc/agent-config.yaml", "/etc/agent-config", "/etc/fustor_agent.log"]),
  );
  expect(paths).not.toContain("/etc");
});

test.each([["/home/me"], ["/home/me/data"]])("a root %s that lies in the home is not hidden with it", (root) => {
  const paths = ownPaths(config("/home/me"), root);
  expect(paths).not.toContain("/home/me");
  expect(paths).toEqual(expect.arrayContaining(["/home/me/agent.id", "/home/me/state", "/home/me/agent.lock"]));
});

test("a folder whose name only begins like the home does not count as lying in it", () => {
  expect(ownPaths(config("/home/me"), "/home/me2")).toContain("/home/me");
  expect(ownPaths(config("/home/me"), "/home/..me")).toContain("/home/me");
});

test("behind a symbolic link the paths are also left out as the source meets them", async () => {
  const folder = await realpath(await freshFolder());
  await mkdir(join(folder, "real", "home"), { recursive: true });
  await symlink(join(folder, "real"), join(folder, "link"));
  const paths = await excludedPaths(config(join(folder, "real", "home")), join(folder, "link"));
  expect(paths).toEqual(expect.arrayContaining([join(folder, "real", "home"), join(folder, "link", "home")]));
});

test("a root that is not there yet is no failure", async () => {
  expect(await excludedPaths(config("/srv/agent"), "/no/such/root")).toContain("/srv/agent");
});
