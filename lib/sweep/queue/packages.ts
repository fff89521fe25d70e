import { ConvsweepError } from '../../errors.js';

/** What a queue needs of other packages. */
export interface QueuePackages {
  bullmq: typeof import('bullmq');
  Redis: typeof import('ioredis').Redis;
}

/**
 * Loads the packages that a queue needs, which are installed by whoever wants one.
 * @throws ConvsweepError `QUEUE`, with the command that installs them
 */
export async function queuePackages(): Promise<QueuePackages> {
  try {
    const [bullmq, { Redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bullmq, Redis };
  } catch (cause) {
    throw new ConvsweepError(
      'QUEUE',
      `A queue needs the packages bullmq and ioredis: npm install bullmq@6 ioredis@5 (${(cause as Error).message})`,
      { cause },
    );
  }
}
