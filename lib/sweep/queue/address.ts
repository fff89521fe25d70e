import { invalidArgument } from '../../errors.js';

/** Where a queue is. */
export interface QueueAddress {
  /** For whoever connects: it may hold a password. */
  url: string;
  /** For messages: without user and password. */
  shown: string;
  /** Of all keys. */
  prefix: string;
}

/**
 * The parts of `redis://user:password@host:6379/0?prefix=team`; all but the host have defaults, and the prefix is
 * `convsweep`. `rediss:` encrypts.
 * @throws ConvsweepError `INVALID_ARGUMENT`, which never repeats what may hold a password
 */
export function parseQueueAddress(text: unknown): QueueAddress {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '') {
    throw invalidArgument(
      'queue',
      'an address such as redis://host:6379',
      typeof text === 'string' ? 'another text' : text,
    );
  }
  const prefix = url.searchParams.get('prefix') ?? 'convsweep';
  if (!/^[\w.-]{1,64}$/.test(prefix)) {
    throw invalidArgument('the prefix of queue', 'at most 64 letters, digits, "_", "-" and "."', prefix);
  }
  url.search = '';
  return { url: url.href, shown: `${url.protocol}//${url.host}${url.pathname}`, prefix };
}
