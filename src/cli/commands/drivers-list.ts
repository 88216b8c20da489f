import { resolveHome } from "../../config/home.ts";
import type { ListedDriver } from "../../drivers/installed-drivers.ts";
import { DriversProject } from "../drivers/drivers-project.ts";
import { EXIT } from "../exit-codes.ts";
import { formatTable, printable } from "../table.ts";
import type { Terminal } from "../terminal.ts";

const stateOf = ({ trouble, origin }: ListedDriver): string => {
  if (trouble !== undefined) return "broken";
  return origin === "built in" ? "built in" : "ok";
};

/** Every driver there is. Loads the code of installed ones, because only that shows whether they can be used. */
export async function listOfDrivers({ json }: { readonly json?: boolean }, terminal: Terminal): Promise<number> {
  const listed = await new DriversProject(resolveHome(process.env)).list();
  if (json === true) {
    const drivers = listed.map((driver) => ({ ...driver, state: stateOf(driver) }));
    await terminal.json(`${JSON.stringify(drivers, null, 2)}\n`);
    return EXIT.done;
  }
  const rows = listed.map((driver) => {
    const origin = driver.package === undefined ? "" : printable(`${driver.package} in ${driver.origin}`);
    return [driver.kind, printable(driver.name), printable(driver.version), stateOf(driver), origin];
  });
  await terminal.line(formatTable(["KIND", "NAME", "VERSION", "STATE", "FROM"], rows));
  for (const { kind, name, trouble } of listed) {
    if (trouble !== undefined) await terminal.line(`\n${kind} ${printable(name)}: ${printable(trouble)}`);
  }
  return EXIT.done;
}
