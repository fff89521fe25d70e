// npm run bench:gpu: see HELP.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { holdout } from '../../lib/data/splits.js';
import { type DeviceName, type ResolvedDevice, resolveDevice } from '../../lib/native/devices.js';
import { packageRoot } from '../../lib/package.js';
import { sweep } from '../../lib/sweep/sweep.js';
import { trainingFloor } from './floor.js';
import { benchImages } from './images.js';
import { kernelTimes } from './kernels.js';
import { peerTimes } from './peers.js';
import { BATCH_SIZE, median, type Split, Trial, timed } from './trial.js';

const HELP = `Times training on a GPU, and PyTorch and JAX beside it where python3 has them.

  npm run bench:gpu -- [--device cuda:0] [--data FOLDER] [--trials N] [--epochs N] [--python FILE]

  --device   default cuda:0
  --data     a folder with MNIST's files; default: 70,000 images made of the embedded digits by shifts
  --trials   of the sweep; default all 81, 0 for no sweep
  --epochs   at most, of each trial of the sweep; default 30
  --python   that has the peers; default python3

Prints tables in Markdown. Seconds; the median of five warm epochs.`;

const WARM_EPOCHS = 5;
const SIDE_BY_SIDE = [1, 2, 4, 8, 16];

type Precision = 'fp32' | 'tf32';
type Device = Pick<ResolvedDevice, 'description'> & { name: DeviceName };

const { values } = parseArgs({
  options: {
    device: { type: 'string', default: 'cuda:0' },
    data: { type: 'string' },
    trials: { type: 'string', default: '81' },
    epochs: { type: 'string', default: '30' },
    python: { type: 'string', default: 'python3' },
    help: { type: 'boolean', short: 'h' },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}

const say = (line: string): void => console.error(line);
const seconds = (value: number): string => value.toPrecision(3);
const row = (...cells: (string | number)[]): void => console.log(`| ${cells.join(' | ')} |`);
function table(title: string, ...columns: string[]): void {
  console.log(`\n## ${title}\n`);
  row(...columns);
  row(...columns.map(() => '---'));
}

async function oneModel(split: Split, device: Device, precision: Precision): Promise<void> {
  using trial = new Trial(split, { device: device.name, precision, seed: 0 });
  const cold = await trial.train();
  const warm: number[] = [];
  for (let i = 0; i < WARM_EPOCHS; i++) warm.push(await trial.train());
  await trial.validate();
  const evaluation = await trial.validate();
  const epoch = median(warm);
  const step = epoch / Math.ceil(split.train.size / BATCH_SIZE);
  const floor = trainingFloor(device.description, precision);
  row(
    precision,
    seconds(cold),
    seconds(epoch),
    `${(step * 1e6).toFixed(1)} us`,
    Math.round(split.train.size / epoch),
    Math.round(split.validation.size / evaluation),
    floor === undefined ? 'unknown card' : `${((100 * floor * split.train.size) / epoch).toFixed(1)} %`,
  );
}

async function sideBySide(split: Split, device: Device, precision: Precision, models: number): Promise<void> {
  const trials: Trial[] = [];
  try {
    for (let seed = 0; seed < models; seed++) {
      trials.push(new Trial(split, { device: device.name, precision, seed }));
    }
    const all = () => timed(() => Promise.all(trials.map((trial) => trial.train())));
    await all();
    const warm: number[] = [];
    for (let i = 0; i < WARM_EPOCHS; i++) warm.push(await all());
    const epoch = median(warm);
    row(models, precision, seconds(epoch), Math.round((models * split.train.size) / epoch));
  } finally {
    for (const trial of trials) trial[Symbol.dispose]();
  }
}

async function wholeSweep(images: Awaited<ReturnType<typeof benchImages>>, device: Device): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'convsweep-bench-'));
  try {
    const splits = [60, 70, 80].map((percent) => ({
      name: `${percent}%`,
      ...holdout(images, { percent, seed: 0 }),
    }));
    for (const run of ['cold', 'warm']) {
      const { result } = sweep({
        out: join(folder, run),
        splits,
        device: device.name,
        limit: Number(values.trials),
        epochs: Number(values.epochs),
      });
      let found: Awaited<typeof result> | undefined;
      const time = await timed(async () => {
        found = await result;
      });
      const epochs = found!.trials.reduce((sum, { history }) => sum + history.loss.length, 0);
      row(run, found!.trials.length, epochs, seconds(time), found!.best.accuracy.toFixed(4));
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const resolved = resolveDevice(values.device as DeviceName);
const device: Device = { name: resolved.name, description: resolved.description };
const build = resolved.addon.buildInfo();
const libraries = Object.entries(build.libraries ?? {}).map(([name, version]) => `${name} ${version}`);
console.log(
  `# ${device.description}\n\n${[`convsweep ${build.version}`, build.compiler, ...libraries].join(', ')}`,
);

say('images');
const images = await benchImages(values.data);
const split = holdout(images, { percent: 80, seed: 0 });
console.log(
  `\n${images.size} images (${images.name}), ${split.train.size} of them to train on, batches of ${BATCH_SIZE}.`,
);

table(
  'One model',
  'precision',
  'first epoch',
  'warm epoch',
  'step',
  'training, images/s',
  'evaluation, images/s',
  'of the floor',
);
for (const precision of ['tf32', 'fp32'] as const) await oneModel(split, device, precision);

table('Models side by side', 'models', 'precision', 'warm epoch of all', 'training, images/s');
for (const models of SIDE_BY_SIDE) await sideBySide(split, device, 'tf32', models);

if (values.trials !== '0') {
  say('sweep');
  table('The sweep', 'run', 'trials', 'epochs', 'seconds', 'best accuracy');
  await wholeSweep(images, device);
}

say('kernels');
table('Kernels of a training step', 'share', 'median', 'launches', 'kernel');
try {
  const script = join(packageRoot(), 'dist', 'bench', 'gpu', 'epochs.js');
  const data = values.data === undefined ? [] : [values.data];
  for (const kernel of await kernelTimes(script, [device.name, 'tf32', ...data])) {
    row(
      `${kernel.percent} %`,
      `${(kernel.median / 1e3).toFixed(1)} us`,
      kernel.launches,
      `\`${kernel.name}\``,
    );
  }
} catch (error) {
  row('-', '-', '-', `not measured: ${(error as Error).message.split('\n')[0]}`);
}

say('peers');
table('Peers', 'peer', 'models', 'first epoch', 'warm epoch', 'training, images/s');
for (const { peer, models = 1, cold, warm, missing } of await peerTimes(split, values.python, say)) {
  if (cold === undefined || warm === undefined) row(peer, '-', '-', '-', `not measured: ${missing}`);
  else row(peer, models, seconds(cold), seconds(warm), Math.round((models * split.train.size) / warm));
}
