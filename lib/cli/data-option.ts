import { Option } from 'commander';

/**
 * `--data <dir>`: the files that `loadSource` reads, instead of the embedded digits.
 * @param which files these are, in the words after `IDX files`
 */
export function dataOption(which = 'to read instead of the embedded digits'): Option {
  return new Option('--data <dir>', `IDX files ${which}`);
}
