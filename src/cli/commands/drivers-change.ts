/** `drivers add` and `drivers remove`. */
import { fetchStatus } from "../../agent/control/control-client.ts";
import type { ListedDriver } from "../../drivers/installed-drivers.ts";
import { originText } from "../../drivers/origin.ts";
import { FustorError } from "../../sdk/index.ts";
import { DriversProject } from "../drivers/drivers-project.ts";
import { EXIT } from "../exit-codes.ts";
import { printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

function exampleOf({ kind, name }: ListedDriver): string {
  const section = kind === "source" ? "sources" : "senders";
  return `${section}:\n  my-${name}:\n    driver: ${name}\n    uri: ...`;
}

export async function addDriver(what: string, terminal: Terminal): Promise<number> {
  const project = await DriversProject.open();
  const packages = await project.add(what);
  const listed = (await project.list()).filter((driver) => packages.includes(driver.package ?? ""));
  if (listed.length === 0) {
    await terminal.complain(
      `fustor-agent: ${printable(what)} was installed, but holds no drivers: see docs/drivers.md`,
    );
    return EXIT.failure;
  }
  for (const driver of listed) {
    const who = originText({ ...driver, package: driver.package ?? "" });
    if (driver.trouble === undefined) await terminal.line(`Added ${who}. For example:\n\n${exampleOf(driver)}\n`);
    else await terminal.complain(`fustor-agent: ${who} cannot be used: ${printable(driver.trouble)}`);
  }
  await remarkRunningAgent(project.home, terminal);
  return listed.some(({ trouble }) => trouble === undefined) ? EXIT.done : EXIT.failure;
}

/** By the name of its package, or of a driver in it. */
export async function removeDriver(name: string, terminal: Terminal): Promise<number> {
  const project = await DriversProject.open();
  const added = Object.keys(project.dependencies());
  const found = added.includes(name)
    ? name
    : (await project.list()).find((driver) => driver.name === name && added.includes(driver.package ?? ""))?.package;
  if (found === undefined) {
    const known = added.length === 0 ? "none was added" : `added are ${added.join(", ")}`;
    throw new FustorError(
      "FUSTOR_DRIVER_UNKNOWN",
      `no driver or package "${name}" was added to ${project.home}: ${known}`,
    );
  }
  await project.remove(found);
  await terminal.line(`Removed ${found}.`);
  await remarkRunningAgent(project.home, terminal);
  return EXIT.done;
}

async function remarkRunningAgent(home: string, terminal: Terminal): Promise<void> {
  if (await isRunning(home)) {
    await terminal.line(
      "The running agent keeps the drivers that it has loaded: `fustor-agent restart` takes this over.",
    );
  }
}

const isRunning = (home: string): Promise<boolean> =>
  fetchStatus(home).then(
    () => true,
    () => false,
  );
