import { describe, expect, test } from '@jest/globals';
import { parseQueueAddress } from '../../lib/sweep/queue/address.js';

describe('the address of a queue', () => {
  test.each([
    ['redis://host:6379', 'redis://host:6379', 'convsweep'],
    ['rediss://user:secret@host/1?prefix=team', 'rediss://host/1', 'team'],
  ])('%s is shown as %s, with the prefix %s', (text, shown, prefix) => {
    expect(parseQueueAddress(text)).toMatchObject({ shown, prefix });
    expect(parseQueueAddress(text).url).not.toContain('prefix');
  });

  test.each([undefined, 7, '', 'host:6379', 'http://host', 'redis://', 'user:secret@host'])(
    '%j is none',
    (text) => {
      expect(() => parseQueueAddress(text)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.not.stringContaining('secret') }),
      );
    },
  );

  test('a prefix has letters, digits and the like', () => {
    expect(() => parseQueueAddress('redis://host?prefix=a:b')).toThrow(/the prefix of queue/);
  });
});
