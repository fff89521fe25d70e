import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../../lib/package.js';

/** What of the facts' size can be chosen. */
export interface FactsOptions {
  /** The file that a JSON line is appended to for each stage. */
  out: string;
  /** Seconds that no stage may exceed, on top of its own limit. */
  limit: number;
  /** Images of the throughput and of the sweep. */
  images: number;
  /** Of each trial of the sweep. */
  epochs: number;
  /** Of the sweep. */
  trials: number;
  /** Numbers of images that each call is made with. */
  batches: readonly number[];
  /** Numbers of models that train side by side. */
  jobs: readonly number[];
  /** That may have PyTorch and JAX. */
  python: string;
}

export const OPTIONS_HELP = `  --out FILE      default build/facts.jsonl
  --limit SECONDS for each stage, where it is less than the stage's own
  --images N      of throughput and sweep; default 70000, the digits and their shifts
  --epochs N      of the sweep's trials; default 10
  --trials N      of the sweep; default 81
  --batches A,B   images that each call is made with; default 1,16,64,104,128
  --jobs A,B      models side by side; default 1,4,8,16,32
  --python FILE   that may have PyTorch and JAX; default python3`;

/** The options and the names of stages on the command line. @throws TypeError for what is no option */
export function readOptions(args: readonly string[]): {
  help: boolean;
  options: FactsOptions;
  names: string[];
} {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string', default: join(packageRoot(), 'build', 'facts.jsonl') },
      limit: { type: 'string', default: '600' },
      images: { type: 'string', default: '70000' },
      epochs: { type: 'string', default: '10' },
      trials: { type: 'string', default: '81' },
      batches: { type: 'string', default: '1,16,64,104,128' },
      jobs: { type: 'string', default: '1,4,8,16,32' },
      python: { type: 'string', default: 'python3' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const options = {
    out: values.out,
    python: values.python,
    limit: number('limit', values.limit),
    images: number('images', values.images),
    epochs: number('epochs', values.epochs),
    trials: number('trials', values.trials),
    batches: values.batches.split(',').map((text) => number('batches', text)),
    jobs: values.jobs.split(',').map((text) => number('jobs', text)),
  };
  return { help: values.help, options, names: positionals };
}

function number(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name}: expected a number above 0 but received ${text}`);
  return value;
}
