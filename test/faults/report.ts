/** Runs cases side by side, prints the ones that fail, and ends the process with 1 if there are any. */
import { availableParallelism } from 'node:os';

export interface Case {
  name: string;
  /** What went wrong; nothing if all is well. */
  run(): Promise<readonly string[]>;
}

export async function runCases(title: string, cases: readonly Case[]): Promise<void> {
  const begin = performance.now();
  const queue = [...cases];
  let failed = 0;
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const faults = await next.run().catch((error: Error) => [`the test itself failed: ${error.stack}`]);
      if (faults.length === 0) continue;
      failed++;
      console.error(`${title}, ${next.name}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(`${title}: ${cases.length - failed} of ${cases.length} as they should be, in ${seconds} s`);
  if (failed > 0) process.exitCode = 1;
}
