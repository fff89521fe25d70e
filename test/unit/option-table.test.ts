import { describe, expect, test } from '@jest/globals';
import { type OptionTable, type Resolved, resolveOptions } from '../../lib/option-table.js';
import { integer, numberFrom, oneOf, requireSignal } from '../../lib/validate.js';

interface Options {
  epochs?: number;
  order?: 'up' | 'down';
  limit?: number;
  name: string;
}

const requireName = (name: string, value: unknown): void => {
  if (typeof value !== 'string') throw new TypeError(`${name} is no name`);
};

const RULES = {
  epochs: { default: 3, check: integer() },
  order: { default: 'up', check: oneOf(['up', 'down']) },
  limit: { check: integer(0) },
  name: { required: true, check: requireName },
} as const satisfies OptionTable<Options>;

describe('resolveOptions', () => {
  test('fills in the defaults, of undefined as well, and leaves the options alone', () => {
    const options = Object.freeze({ name: 'a', epochs: undefined } as unknown as Options);
    expect(resolveOptions('train', options, RULES)).toEqual({
      epochs: 3,
      order: 'up',
      limit: undefined,
      name: 'a',
    });
  });

  test('keeps what is given', () => {
    const options: Options = { name: 'b', epochs: 1, order: 'down', limit: 0 };
    expect(resolveOptions('train', options, RULES)).toEqual(options);
  });

  test.each<[object, RegExp]>([
    [{ epoch: 3 }, /^Unknown option epoch for train; did you mean epochs\?$/],
    [{ colour: 3 }, /^Unknown option colour for train; known options: epochs, order, limit, name$/],
    [{ epochs: 0 }, /^Expected a positive integer for epochs but received 0$/],
    [{ epochs: null }, /^Expected a positive integer for epochs but received null$/],
    [{ order: 'left' }, /^Expected "up" or "down" for order but received "left"$/],
    [{ limit: -1 }, /^Expected an integer of at least 0 for limit but received -1$/],
    [{ name: undefined }, /^name is no name$/],
  ])('refuses %j', (change, message) => {
    expect(() => resolveOptions('train', { name: 'a', ...change }, RULES)).toThrow(message);
  });

  test('refuses what is no object', () => {
    const resolve = () => resolveOptions('train', null as unknown as Options, RULES);
    expect(resolve).toThrow(/^Expected an object for the options of train but received null$/);
  });

  test('has types that know which options can be undefined, and tables that are complete', () => {
    const options: Options = { name: 'a' };
    const resolved: Resolved<Options, typeof RULES> = resolveOptions('train', options, RULES);
    const epochs: number = resolved.epochs;
    const order: 'up' | 'down' = resolved.order;
    // @ts-expect-error: it has no default.
    const limit: number = resolved.limit;
    expect([epochs, order, limit]).toEqual([3, 'up', undefined]);
    // @ts-expect-error: it has no rule for name.
    const incomplete: OptionTable<Options> = { epochs: {}, order: {}, limit: {} };
    // @ts-expect-error: there is no such option.
    const foreign: OptionTable<Options> = { epochs: {}, order: {}, limit: {}, name: {}, seed: {} };
    // @ts-expect-error: the default is of another type.
    const mistyped: OptionTable<Options> = { epochs: { default: '3' }, order: {}, limit: {}, name: {} };
    expect([incomplete, foreign, mistyped]).toHaveLength(3);
  });
});

test.each<[unknown, string]>([
  [-1, '-1'],
  [Number.NaN, 'NaN'],
  ['1', '"1"'],
])('numberFrom refuses %p', (value, text) => {
  expect(() => numberFrom(0)('minDelta', value)).toThrow(
    `Expected a number of at least 0 for minDelta but received ${text}`,
  );
});

test('oneOf lists values as they are written', () => {
  expect(() => oneOf(['auto', 0, 1, 2])('verbose', 3)).toThrow(
    'Expected "auto", 0, 1 or 2 for verbose but received 3',
  );
});

test.each([null, {}, 'stop'])('requireSignal refuses %p', (value) => {
  expect(() => requireSignal('signal', value)).toThrow('Expected an AbortSignal for signal');
});
