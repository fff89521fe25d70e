// npm run bench:suite: see HELP.
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../lib/package.js';
import { describeMachine } from '../machine.js';
import { BATCH_SIZE, writeJob } from './job.js';
import { measureSuite } from './measure.js';
import { type Network, networksOf, suite } from './networks.js';
import { INSTRUCTION_SETS, ours, peers } from './settings.js';
import { table } from './table.js';

const HELP = `Measures networks of many kinds, side by side with the peers that npm run bench:setup installed.

  npm run bench:suite -- [--ours-only] [--networks A,B] [--cores one|all] [--rounds N] [--seconds S] [--isa NAME]

  --ours-only      this package alone, in about a minute
  --networks A,B   some of ${suite()
    .map(({ name }) => name)
    .join(', ')},
                   or .json files with a network or several of the form of bench/suite/networks.json
  --cores one|all  on one core, which all processes are pinned to, or one model on all cores (default: both in turn)
  --rounds N       how often each setting is measured, in turn (default 5)
  --seconds S      how long each slice lasts at least (default 0.5)
  --isa NAME       ${INSTRUCTION_SETS.join(', ')}: of this package and, as far as they can be limited, of the peers

Prints Markdown tables of images per second. On Linux, for want of taskset elsewhere.`;

interface Arguments {
  networks: Network[];
  oursOnly: boolean;
  cores: ('one' | 'all')[];
  rounds: number;
  seconds: number;
  isa?: string;
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: {
        'ours-only': { type: 'boolean', default: false },
        networks: { type: 'string' },
        cores: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        seconds: { type: 'string', default: '0.5' },
        isa: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help) {
      console.log(HELP);
      process.exit(0);
    }
    const { cores, isa } = values;
    const fail = (name: string, expected: string, received: string): never => {
      throw new Error(`Expected ${expected} for ${name} but received ${JSON.stringify(received)}`);
    };
    if (!/^[1-9]\d*$/.test(values.rounds)) fail('--rounds', 'a positive integer', values.rounds);
    if (!(Number(values.seconds) > 0)) fail('--seconds', 'a positive number', values.seconds);
    if (cores !== undefined && cores !== 'one' && cores !== 'all') fail('--cores', 'one or all', cores);
    if (isa !== undefined && !INSTRUCTION_SETS.includes(isa)) fail('--isa', INSTRUCTION_SETS.join(', '), isa);
    return {
      networks: values.networks === undefined ? suite() : networksOf(values.networks.split(',')),
      oursOnly: values['ours-only'],
      cores: cores === undefined ? ['one', 'all'] : [cores as 'one' | 'all'],
      rounds: Number(values.rounds),
      seconds: Number(values.seconds),
      ...(isa !== undefined && { isa }),
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(2);
  }
}

function commit(): string {
  return execFileSync('git', ['log', '-1', '--format=%h, "%s"'], {
    cwd: packageRoot(),
    encoding: 'utf8',
  }).trim();
}

const { networks, oursOnly, cores, rounds, seconds, isa } = readArguments();
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const folder = await mkdtemp(join(tmpdir(), 'convsweep-suite-'));
try {
  await writeJob(folder, networks);
  const { processor, cores: count, system, node, compiler } = describeMachine();
  console.log(`${new Date().toISOString().slice(0, 10)}, commit ${commit()}`);
  console.log(`${processor}, ${count} cores; ${system}, Node ${node}, ${compiler}`);
  for (const scope of cores) {
    say(`${scope === 'one' ? 'one core' : 'all cores'}`);
    const settings = [ours(networks, scope, isa), ...(oursOnly ? [] : peers(folder, scope, isa))];
    const { speeds, versions, missing } = await measureSuite({ networks, settings, rounds, seconds }, say);
    const where = scope === 'one' ? 'One core' : 'One model on all cores';
    console.log(`\n${where}; ${[...versions.values()].join(', ')}${isa === undefined ? '' : `; ${isa}`}:\n`);
    console.log(table(networks, speeds));
    for (const line of missing) console.log(`\nNot measured: ${line}`);
  }
  console.log(
    `\nImages per second in batches of ${BATCH_SIZE}: medians of ${rounds} slices of ${seconds} s, all settings in turn.`,
  );
} finally {
  await rm(folder, { recursive: true });
}
