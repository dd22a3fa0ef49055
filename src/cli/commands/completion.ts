import { Argument, Command } from "commander";
import type { Cli } from "../cli.ts";

const shells = ["bash", "zsh", "fish"];

/** `buildProgram` makes another program of the same commands, to be described to the shell. */
export function completion(buildProgram: () => Command): Command {
  return new Command("completion")
    .description("Print a script that completes commands, options and function names in your shell")
    .addArgument(new Argument("<shell>").choices(shells))
    .addHelpText(
      "after",
      `
Firelet must be on PATH as \`firelet\`; a symbolic link to the launcher does.

Examples:
  source <(firelet completion bash)                                     in ~/.bashrc
  source <(firelet completion zsh)                                      in ~/.zshrc
  firelet completion fish > ~/.config/fish/completions/firelet.fish`,
    )
    .action(async (shell: string) => {
      const { default: describe } = await import("@bomb.sh/tab/commander");
      describe(buildProgram()).setup("firelet", "firelet", shell);
    });
}

/** What the script calls for suggestions: `firelet complete -- <words so far>`. */
export function complete(cli: Cli, buildProgram: () => Command): Command {
  return new Command("complete")
    .argument("[words...]")
    .allowUnknownOption()
    .helpOption(false)
    .action(async (words: string[]) => {
      const { default: describe } = await import("@bomb.sh/tab/commander");
      const tree = describe(buildProgram());
      const names = words.length > 2 ? await functionNames(cli) : [];
      for (const command of tree.commands.values()) {
        const argument = command.arguments.get("function");
        if (argument) argument.handler = (suggest) => names.forEach((name) => suggest(name, ""));
      }
      tree.parse(words);
    });
}

/** Names to suggest; none where no manager answers, since a shell has no use for the reason. */
async function functionNames(cli: Cli): Promise<string[]> {
  try {
    return (await cli.client().listFunctions()).map(({ name }) => name);
  } catch {
    return [];
  }
}
