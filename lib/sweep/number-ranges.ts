import { invalidArgument } from '../errors.js';

/** `1..3,7` of 1, 2, 3 and 7, which rise. */
export function numberRanges(numbers: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range && range[1] === number - 1) range[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.map(([first, last]) => (first === last ? first : `${first}..${last}`)).join(',');
}

/**
 * The numbers that `text` names as {@link numberRanges} does, each once.
 * @throws ConvsweepError `INVALID_ARGUMENT`
 */
export function parseNumberRanges(name: string, text: string): number[] {
  const numbers = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^([1-9]\d{0,8})(?:\.\.([1-9]\d{0,8}))?$/.exec(part.trim()) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(to >= from && to - from < 1_000_000)) {
      throw invalidArgument(name, 'numbers of trials such as 3, 1..9 or 1,4..6', text);
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}
