/** Completion for shells, made of the program itself: commands, their options, and the words that an argument may be. */
import type { Command } from "commander";

export type Shell = "bash" | "zsh" | "fish";
export const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** What may follow after the commands of `path`. */
interface Place {
  /** Words with a space before each; "" for the program itself. */
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly text: string;
  readonly description: string;
}

const isShown = (command: Command): boolean => !(command as { readonly _hidden?: boolean })._hidden;

function wordsOf(command: Command): readonly Word[] {
  const commands = command.commands.filter(isShown);
  const options = command.options.filter(({ hidden }) => !hidden);
  const choices = command.registeredArguments.flatMap(({ argChoices = [], description }) =>
    argChoices.map((text) => ({ text, description })),
  );
  return [
    ...commands.map((each) => ({ text: each.name(), description: each.description() })),
    ...choices,
    ...options.map(({ long, short, description }) => ({ text: long ?? short ?? "", description })),
    { text: "--help", description: "show help" },
  ];
}

/** Every command with what may follow it. */
function placesOf(command: Command, path = ""): readonly Place[] {
  const below = command.commands.filter(isShown).flatMap((each) => placesOf(each, `${path} ${each.name()}`));
  return [...below, { path, words: wordsOf(command) }];
}

/** The deepest command that the words begin with; its arguments may follow. */
const patternOf = ({ path }: Place): string => (path === "" ? '""' : `"${path}"*`);

const listOf = ({ words }: Place): string => words.map(({ text }) => text).join(" ");

const bash = (places: readonly Place[]): string => `# bash completion: source <(fustor-agent completion bash)
_fustor_agent() {
  local path="" word words="" cur="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="$path $word" ;; esac
  done
  case "$path" in
${places.map((place) => `    ${patternOf(place)}) words="${listOf(place)}" ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _fustor_agent fustor-agent
`;

const zsh = (places: readonly Place[]): string => `#compdef fustor-agent
# zsh completion: fustor-agent completion zsh > "\${fpath[1]}/_fustor-agent"
_fustor_agent() {
  local path_="" word_
  for word_ in "\${(@)words[2,CURRENT-1]}"; do
    case "$word_" in (-*) ;; (*) path_="$path_ $word_" ;; esac
  done
  case "$path_" in
${places.map((place) => `    (${patternOf(place)}) compadd -- ${listOf(place)} ;;`).join("\n")}
  esac
  _files
}
compdef _fustor_agent fustor-agent
`;

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

function fishLines({ path, words }: Place): readonly string[] {
  const steps = path.split(" ").filter((step) => step !== "");
  const seen = steps.map((step) => `__fish_seen_subcommand_from ${step}`).join("; and ");
  const condition = path === "" ? "__fish_use_subcommand" : seen;
  return words.map(({ text, description }) => {
    const what = text.startsWith("--") ? `-l ${text.slice(2)}` : `-a ${quoted(text)}`;
    return `complete -c fustor-agent -n ${quoted(condition)} ${what} -d ${quoted(description)}`;
  });
}

const fish = (places: readonly Place[]): string => `# fish completion: fustor-agent completion fish | source
${places.flatMap(fishLines).join("\n")}
`;

const FORMS: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };

export const completionOf = (program: Command, shell: Shell): string => FORMS[shell](placesOf(program));
