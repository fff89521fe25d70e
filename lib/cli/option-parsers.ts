import { invalidArgument } from '../errors.js';
import { type DeviceName, requireDeviceName, type SweepDeviceName } from '../native/devices.js';

/** An argument as commander hands it over, e.g. `--epochs`; errors name it and count as wrong usage. */
export type Parse<T> = (text: string) => T;

/** A whole number of at least `minimum`. */
export function integer(flag: string, minimum = 1): Parse<number> {
  return (text) => {
    const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < minimum) {
      const expected = minimum === 1 ? 'a positive integer' : `an integer of at least ${minimum}`;
      throw invalidArgument(flag, expected, text);
    }
    return value;
  };
}

/** A TCP port; 0 stands for any that is free. */
export function port(flag: string): Parse<number> {
  return (text) => {
    const value = integer(flag, 0)(text);
    if (value > 65535) throw invalidArgument(flag, 'a port from 0 to 65535', text);
    return value;
  };
}

/** Whole numbers of at least 1, separated by commas. */
export function integers(flag: string, count?: number): Parse<number[]> {
  const one = integer(flag);
  return (text) => {
    const list = text.split(',').map(one);
    if (count !== undefined && list.length !== count) {
      throw invalidArgument(flag, `${count} positive integers separated by commas`, text);
    }
    return list;
  };
}

/** What `parse` reads, where no value comes twice. */
export function distinct(flag: string, parse: Parse<number[]>): Parse<number[]> {
  return (text) => {
    const values = parse(text);
    if (new Set(values).size !== values.length) throw invalidArgument(flag, 'distinct values', text);
    return values;
  };
}

/** Percentages strictly between 0 and 100, separated by commas; a `%` may follow each. */
export function percentages(flag: string): Parse<number[]> {
  return (text) =>
    text.split(',').map((part) => {
      const value = /^\d+(\.\d+)?%?$/.test(part.trim()) ? Number.parseFloat(part) : Number.NaN;
      if (!(value > 0 && value < 100)) {
        throw invalidArgument(flag, 'percentages between 0 and 100 (exclusive), separated by commas', text);
      }
      return value;
    });
}

/** One percentage, as in {@link percentages}. */
export function percentage(flag: string): Parse<number> {
  const parse = percentages(flag);
  return (text) => {
    const values = parse(text);
    if (values.length !== 1) throw invalidArgument(flag, 'one percentage between 0 and 100', text);
    return values[0]!;
  };
}

/** One of `words`. */
export function choice<T extends string>(flag: string, words: readonly T[]): Parse<T> {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    if (word === undefined) throw invalidArgument(flag, words.map((w) => `"${w}"`).join(' or '), text);
    return word;
  };
}

/** The form of a device's name; whether it is there is found out when it is used. */
export function deviceName(text: string): DeviceName {
  requireDeviceName('--device', text);
  return text;
}

/** As {@link deviceName}, or all GPUs. */
export function sweepDeviceName(text: string): SweepDeviceName {
  return text === 'cuda:all' ? text : deviceName(text);
}
