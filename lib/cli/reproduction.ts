import type { Command, Option } from 'commander';

/** Options that change where results go, how they are shown, or how fast they come, but not what they are. */
const IRRELEVANT = ['out', 'jobs', 'resume', 'plan', 'queue', 'mixed', 'json', 'watch'];

/**
 * The command line that gives the same results: every option that matters, the defaults too, so that it holds in a
 * version with other defaults.
 * @param resolved values that take the place of an option's, such as the device that `auto` stands for
 */
export function reproducingCommand(command: Command, resolved: Record<string, string>): string {
  const values: Record<string, unknown> = { ...command.opts(), ...resolved };
  const words = command.options
    .filter((option) => !IRRELEVANT.includes(option.attributeName()))
    .flatMap((option) => wordsOf(option, values[option.attributeName()]));
  return ['convsweep', command.name(), ...words.map(quoted)].join(' ');
}

function wordsOf({ long }: Option, value: unknown): string[] {
  if (value === undefined || value === false) return [];
  return value === true ? [long!] : [long!, String(value)];
}

/** As a POSIX shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
