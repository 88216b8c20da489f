/** The unit of systemd for one installation: share/systemd/fustor-agent.service with its user, home and paths. Pure. */
import { isAbsolute } from "node:path";

export interface ServiceFacts {
  readonly user: string;
  readonly home: string;
  /** The program that runs the agent, and the agent's own file. */
  readonly node: string;
  readonly script: string;
}

const USER = /^[a-z_][a-z0-9_-]{0,31}$/;

/** What is wrong with what was asked for; undefined when nothing is. */
export function troubleWith({ user, home }: Pick<ServiceFacts, "user" | "home">): string | undefined {
  if (!USER.test(user)) return "--user takes small letters, digits, - and _, at most 32";
  if (user === "root") return "root needs no such service user: leave --user out, or name another one";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (!isAbsolute(home) || /[\u0000-\u001f\u007f]/.test(home)) return "--home takes an absolute path of one line";
  return home.split("/").includes("..") || home === "/" ? "--home is no folder of its own" : undefined;
}

/** As systemd.syntax(7) and systemd.service(5) have it: quotes, backslashes, specifiers. */
const quoted = (text: string): string => `"${text.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%")}"`;

/** Of a command line, where systemd replaces variables besides. */
const word = (text: string): string => (/^[\w./@:+-]+$/.test(text) ? text : quoted(text).replaceAll("$", () => "$$"));

/** systemd makes this folder itself and gives it to the user, whoever had it before. */
const stateDirectory = (home: string): string | undefined => /^\/var\/lib\/([\w.-]+)$/.exec(home)?.[1];

function lineFor(line: string, facts: ServiceFacts): readonly string[] {
  const { user, home, node, script } = facts;
  const [key] = /^\w+=/.exec(line) ?? [""];
  const command = `${word(node)} ${word(script)}`;
  switch (key) {
    case "User=":
      return [`${key}${user}`];
    case "Group=":
      // That of the user: one that was there before need not have a group of its name.
      return [];
    case "StateDirectory=":
      return stateDirectory(home) === undefined ? [] : [`${key}${stateDirectory(home)}`];
    case "StateDirectoryMode=":
      return stateDirectory(home) === undefined ? [] : [line];
    case "Environment=":
      return [`${key}${quoted(`FUSTOR_HOME=${home}`)}`];
    case "ExecStart=":
      return [`${key}${command} start`];
    case "ExecReload=":
      return [`${key}${command} reload`];
    default:
      return [line];
  }
}

const FOR_OTHER_INSTALLATIONS = /^# (?:Installed with `npm install|npm puts it into)/;

/** `template`: the unit of the package. */
export const unitText = (template: string, facts: ServiceFacts): string =>
  [
    "# Written by `fustor-agent install-service`, which replaces it: put changes of your own into `systemctl edit fustor-agent`.",
    ...template
      .split("\n")
      .filter((line) => !FOR_OTHER_INSTALLATIONS.test(line))
      .flatMap((line) => lineFor(line, facts)),
  ].join("\n");
