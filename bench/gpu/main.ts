// npm run bench:gpu: see HELP.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { holdout } from '../../lib/data/splits.js';
import { type DeviceName, type ResolvedDevice, resolveDevice } from '../../lib/native/devices.js';
import { packageRoot } from '../../lib/package.js';
import { trainingFloor } from './floor.js';
import { benchImages } from './images.js';
import { kernelTimes } from './kernels.js';
import { peerTimes } from './peers.js';
import { sideBySide } from './side-by-side.js';
import { sweepTimes } from './sweep-times.js';
import { BATCH_SIZE, median, type Split, Trial } from './trial.js';

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
for (const models of SIDE_BY_SIDE) {
  const epoch = await sideBySide(split, { device: device.name, precision: 'tf32' }, models, WARM_EPOCHS);
  row(models, 'tf32', seconds(epoch), Math.round((models * split.train.size) / epoch));
}

if (values.trials !== '0') {
  say('sweep');
  table('The sweep', 'run', 'trials', 'epochs', 'seconds', 'best accuracy');
  const options = { device: device.name, limit: Number(values.trials), epochs: Number(values.epochs) };
  for await (const { run, trials, epochs, seconds: time, accuracy } of sweepTimes(images, options)) {
    row(run, trials, epochs, seconds(time), accuracy.toFixed(4));
  }
}

say('kernels');
table('Kernels of a training step', 'share', 'median', 'launches', 'kernel');
try {
  const script = join(packageRoot(), 'dist', 'bench', 'gpu', 'epochs.js');
  const data = values.data === undefined ? [] : [values.data];
  const execute = async (command: string, args: readonly string[]) =>
    (await promisify(execFile)(command, args, { maxBuffer: 2 ** 26 })).stdout;
  for (const kernel of await kernelTimes(execute, script, [device.name, 'tf32', ...data])) {
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
