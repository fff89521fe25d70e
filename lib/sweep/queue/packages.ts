import { ConvsweepError } from '../../errors.js';

/** The packages that a queue needs, which are installed by whoever wants one. */
export async function queuePackages(): Promise<{
  bullmq: typeof import('bullmq');
  Redis: typeof import('ioredis').Redis;
}> {
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
