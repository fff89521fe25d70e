// npm run bench: see HELP.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../lib/package.js';
import { report } from './report.js';
import { writeResults } from './results.js';
import { type BenchmarkPlan, runBenchmark } from './run.js';

const HELP = `Measures this package, and the peers that npm run bench:setup installed, side by side.

  npm run bench -- [--quick] [--rounds N]

  --quick      this package alone, in about a minute
  --rounds N   how often each setting is measured, in turn (default 7, quick 2)

Prints the tables in Markdown; everything measured goes to bench/results.json.`;

function readArguments(): BenchmarkPlan {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const plan: BenchmarkPlan = values.quick
      ? { rounds: 2, peers: false, trialRounds: 1, trialsOfAll: false, starts: 3 }
      : { rounds: 7, peers: true, trialRounds: 3, trialsOfAll: true, starts: 7 };
    if (values.rounds === undefined) return plan;
    if (!/^[1-9]\d*$/.test(values.rounds)) {
      throw new Error(
        `Expected a positive integer for --rounds but received ${JSON.stringify(values.rounds)}`,
      );
    }
    return { ...plan, rounds: Number(values.rounds) };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

const results = await runBenchmark(readArguments(), (line) => process.stderr.write(`${line}\n`));
await writeResults(join(packageRoot(), 'bench', 'results.json'), results);
console.log(report(results));
