/** The readers that are fuzzed: what they are given, and what their results must be. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib';
import { unzipSync, zipSync } from 'fflate';
import { crc32 } from '../../lib/crc32.js';
import { loadIdx } from '../../lib/data/idx-folder.js';
import { decodePng } from '../../lib/data/png-image.js';
import { ConvsweepError } from '../../lib/errors.js';
import { seal, UNSEALED } from '../../lib/formats/hdf5-seal.js';
import { readKerasH5, writeKerasH5 } from '../../lib/formats/keras-h5.js';
import { type KerasModel, requireFinite, validateKerasModel } from '../../lib/formats/keras-model.js';
import { readKerasV3, writeKerasV3 } from '../../lib/formats/keras-v3.js';
import type { Random } from '../../lib/random.js';
import { rebuildReport } from '../../lib/report/write-report.js';
import { isGone, ownHolder, parseHolder } from '../../lib/sweep/holder.js';
import { decodeState, encodeState, type TrialState } from '../../lib/sweep/trial-state.js';
import { fixtures } from '../golden.js';
import { EVALUATION, sweepConfig, trialRecords } from '../unit/report-fixture.js';
import { mutated, mutatedJson } from './mutations.js';

/** A reader with its files. */
export interface FuzzTarget {
  /** A damaged file. */
  input(random: Random): Buffer;
  /** Reads it; throws what the reader throws, or an Error when what it gives is wrong. */
  read(bytes: Buffer): Promise<void>;
}

/** For readers that refuse without an error of their own. */
const REFUSED = new ConvsweepError('INVALID_DATA', 'It is refused');

/** Makes the target for reader's name, with its files in `folder`. */
export const TARGETS: Readonly<Record<string, (folder: string) => Promise<FuzzTarget>>> = {
  'h5-ours': async (folder) => {
    const file = await ours(folder, writeKerasH5, 'ours.h5');
    return {
      input: (random) => mutated(file.bytes, random),
      read: modelReader(folder, readKerasH5, equals(file.model)),
    };
  },
  // What is damaged is sealed again, so that it is read at all.
  'h5-ours-sealed': async (folder) => {
    const { bytes } = await ours(folder, writeKerasH5, 'sealed.h5');
    bytes.write(UNSEALED, bytes.indexOf(UNSEALED.replace(/0+$/, '')));
    const input = (random: Random) => {
      const damaged = mutated(bytes, random);
      return damaged.includes(UNSEALED) ? seal(damaged) : damaged;
    };
    return { input, read: modelReader(folder, readKerasH5, hasShapes) };
  },
  'h5-keras2': (folder) => fixture(folder, join('golden', 'model.h5')),
  'h5-keras3': (folder) => fixture(folder, join('keras3', 'model.h5')),
  keras: async (folder) => {
    const file = await ours(folder, writeKerasV3, 'ours.keras');
    const packed = [file.bytes, Buffer.from(zipSync(unzipSync(file.bytes), { level: 6 }))];
    return {
      input: (random) => mutated(packed[random.below(2)]!, random),
      read: modelReader(folder, readKerasV3, equals(file.model)),
    };
  },
  // What is damaged is packed after that, so that it is read at all.
  'keras-packed': async (folder) => {
    const { bytes } = await ours(folder, writeKerasV3, 'packed.keras');
    const members = unzipSync(bytes);
    const input = (random: Random) => {
      const isConfig = random.below(2) === 0;
      const name = isConfig ? 'config.json' : 'model.weights.h5';
      const damaged = (isConfig ? mutatedJson : mutated)(members[name]!, random);
      return Buffer.from(zipSync({ ...members, [name]: damaged }, { level: 0 }));
    };
    return { input, read: modelReader(folder, readKerasV3, hasShapes) };
  },
  png: async () => ({ input: damagedPng, read: readPicture }),
  idx: (folder) => idxTarget(folder, (bytes) => bytes, mutated),
  'idx-gz': (folder) =>
    idxTarget(folder, gzipSync, (bytes, random) =>
      random.below(2) === 0 ? mutated(bytes, random) : gzipSync(mutated(gunzipSync(bytes), random)),
    ),
  journal: async (folder) => {
    const journal = Buffer.from(
      `${trialRecords(sweepConfig())
        .map((record) => JSON.stringify(record))
        .join('\n')}\n`,
    );
    await writeFile(join(folder, 'config.json'), JSON.stringify(sweepConfig()));
    return {
      input: (random) => mutatedJson(journal, random),
      async read(bytes) {
        await writeFile(join(folder, 'journal.jsonl'), bytes);
        const { report } = await rebuildReport(folder);
        for (const record of report.trials) {
          expectTrue('a trial', Number.isSafeInteger(record.trial) && record.trial > 0);
          expectTrue('epochs', Number.isSafeInteger(record.epochs) && record.epochs > 0);
          // A trial that diverged has none.
          if ('accuracy' in record) expectTrue('an accuracy', record.accuracy >= 0 && record.accuracy <= 1);
        }
      },
    };
  },
  'sweep-config': async (folder) => {
    const config = Buffer.from(JSON.stringify(sweepConfig(), null, 2));
    return {
      input: (random) => mutatedJson(config, random),
      async read(bytes) {
        await writeFile(join(folder, 'config.json'), bytes);
        const { report } = await rebuildReport(folder);
        expectTrue('trials', Number.isSafeInteger(report.config.trials));
      },
    };
  },
  'report-json': async (folder) => {
    const extras = Buffer.from(JSON.stringify({ command: 'sweep', device: 'cpu', evaluation: EVALUATION }));
    await writeFile(join(folder, 'config.json'), JSON.stringify(sweepConfig()));
    return {
      input: (random) => mutatedJson(extras, random),
      async read(bytes) {
        await writeFile(join(folder, 'report.json'), bytes);
        const { evaluation } = (await rebuildReport(folder)).report;
        expectTrue('an evaluation', evaluation === undefined || Number.isFinite(evaluation.accuracy));
      },
    };
  },
  state: async () => {
    const bytes = encodeState(TRIAL_STATE, 'key');
    return {
      input: (random) => mutated(bytes, random),
      async read(damaged) {
        const state = decodeState(damaged, 'key');
        if (!state) throw REFUSED;
        expectTrue('the state that was kept', isDeepStrictEqual(state, TRIAL_STATE));
      },
    };
  },
  'lock-holder': async () => {
    const holder = Buffer.from(JSON.stringify(await ownHolder()));
    return {
      input: (random) => mutatedJson(holder, random),
      async read(bytes) {
        const parsed = parseHolder(bytes.toString('utf8'));
        if (!parsed) throw REFUSED;
        expectTrue('a process', typeof parsed.host === 'string' && Number.isSafeInteger(parsed.pid));
        expectTrue('an answer', typeof (await isGone(parsed)) === 'boolean');
      },
    };
  },
};

/** Of a trial after two epochs, with the numbers that JSON lacks. */
const TRIAL_STATE: TrialState = {
  model: {
    parameters: Float32Array.from({ length: 500 }, (_, i) => (i % 50 === 0 ? Number.NaN : i / 7)),
    statistics: new Float32Array(0),
    m: new Float32Array(500).fill(0.5),
    v: new Float32Array(500).fill(0.25),
    iterations: 7,
  },
  stopping: { best: Number.POSITIVE_INFINITY, wait: 1 },
  checkpoint: { best: 0.1, bestEpoch: 1, pending: { parameters: Float32Array.of(6, 7, 8) } },
  history: { loss: [0.1, Number.NaN], accuracy: [1, 0], val_loss: [Number.NEGATIVE_INFINITY, 1e-300] },
  seconds: 1.5,
  fitSeconds: 1.25,
};

/** A small model of every layer, as `write` writes it. */
async function ours(
  folder: string,
  write: (path: string, model: KerasModel) => Promise<void>,
  name: string,
): Promise<{ model: KerasModel; bytes: Buffer }> {
  const sha256 = '0123456789abcdef'.repeat(4);
  const origin = { data: { name: 'digits', sha256 }, rows: { count: 6, sha256 }, version: '1.2.3' };
  const model = { ...(await readKerasH5(join(fixtures, 'keras3', 'model.h5'))), origins: [origin] };
  const path = join(folder, name);
  await write(path, model);
  return { model, bytes: await readFile(path) };
}

async function fixture(folder: string, name: string): Promise<FuzzTarget> {
  const bytes = await readFile(join(fixtures, name));
  const check = (model: KerasModel) => {
    hasShapes(model);
    requireFinite(model);
  };
  return { input: (random) => mutated(bytes, random), read: modelReader(folder, readKerasH5, check) };
}

function modelReader(
  folder: string,
  read: (path: string) => Promise<KerasModel>,
  check: (model: KerasModel) => void,
): (bytes: Buffer) => Promise<void> {
  const path = join(folder, 'input');
  return async (bytes) => {
    await writeFile(path, bytes);
    const model = await read(path);
    wrong(() => check(model));
  };
}

function equals(expected: KerasModel): (model: KerasModel) => void {
  return (model) => expectTrue('the model that was saved', isDeepStrictEqual(model, expected));
}

function hasShapes(model: KerasModel): void {
  validateKerasModel(model);
  const iterations = model.optimizer?.iterations ?? 0;
  expectTrue('a step count', Number.isSafeInteger(iterations) && iterations >= 0);
}

/** A refusal by a check is no refusal by the reader. */
function wrong(check: () => void): void {
  try {
    check();
  } catch (cause) {
    throw new Error(`The result is wrong: ${(cause as Error).message}`, { cause });
  }
}

function expectTrue(what: string, isGiven: boolean): void {
  if (!isGiven) throw new Error(`The result is wrong: expected ${what}`);
}

const PNG_SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

/** A picture of a random kind, with chunks damaged before or after their checksums are made. */
function damagedPng(random: Random): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(1 + random.below(40), 0);
  header.writeUInt32BE(1 + random.below(40), 4);
  header.set(
    [[1, 2, 4, 8, 16][random.below(5)]!, [0, 2, 3, 4, 6][random.below(5)]!, 0, 0, random.below(2)],
    8,
  );
  const bytes = (length: number, below = 256) =>
    Buffer.from(Array.from({ length }, () => random.below(below)));
  const chunks: [type: string, body: Buffer][] = [
    ['IHDR', header],
    ['PLTE', bytes(3 * random.below(257))],
    ['tRNS', bytes([2, 6, random.below(257)][random.below(3)]!)],
    // Rows of small numbers, each of which can be a filter's.
    ['IDAT', deflateSync(bytes(random.below(8000), 5))],
    ['IEND', Buffer.alloc(0)],
  ];
  const damaged = random.below(chunks.length);
  const isLate = random.below(2) === 0;
  const parts = chunks.map(([type, body], i) =>
    chunk(type, i === damaged && !isLate ? mutated(body, random) : body),
  );
  const file = Buffer.concat([PNG_SIGNATURE, ...parts]);
  return isLate && random.below(4) > 0 ? mutated(file, random) : file;
}

function chunk(type: string, body: Buffer): Buffer {
  const whole = Buffer.concat([Buffer.alloc(4), Buffer.from(type), body, Buffer.alloc(4)]);
  whole.writeUInt32BE(body.length, 0);
  whole.writeUInt32BE(crc32(whole.subarray(4, -4)), whole.length - 4);
  return whole;
}

async function readPicture(bytes: Buffer): Promise<void> {
  const { width, height, data } = decodePng(bytes, 'input');
  expectTrue('four bytes a pixel', data.length === 4 * width * height && data.length > 0);
}

/** Four files of digits, of which one is damaged. */
async function idxTarget(
  folder: string,
  pack: (bytes: Buffer) => Buffer,
  damage: (bytes: Buffer, random: Random) => Buffer,
): Promise<FuzzTarget> {
  const images = Buffer.alloc(16 + 30 * 12);
  for (const [i, value] of [0x803, 30, 4, 3].entries()) images.writeUInt32BE(value, 4 * i);
  for (let i = 16; i < images.length; i++) images[i] = (i * 37) & 0xff;
  const labels = Buffer.alloc(8 + 30);
  for (const [i, value] of [0x801, 30].entries()) labels.writeUInt32BE(value, 4 * i);
  for (let i = 8; i < labels.length; i++) labels[i] = i % 10;
  const parts = { 'images-idx3': pack(images), 'labels-idx1': pack(labels) };
  const names = ['images-idx3', 'labels-idx1'] as const;
  const directory = join(folder, 'idx');
  await mkdir(directory, { recursive: true });
  for (const name of names) {
    for (const half of ['train', 't10k'])
      await writeFile(join(directory, `${half}-${name}-ubyte`), parts[name]);
  }
  return {
    // The first byte says which file it is of.
    input: (random) => {
      const which = random.below(2);
      return Buffer.concat([Buffer.of(which), damage(parts[names[which]!], random)]);
    },
    async read(bytes) {
      const name = names[bytes[0]!]!;
      const path = join(directory, `train-${name}-ubyte`);
      await writeFile(path, bytes.subarray(1));
      try {
        const { all, train } = await loadIdx(directory);
        expectTrue('as many labels as images', all.store.images.length === 12 * all.store.labels.length);
        expectTrue('all images', train.size === 30 && all.size === 60);
        expectTrue(
          'labels of classes',
          all.store.labels.every((label) => label < all.classes),
        );
      } finally {
        await writeFile(path, parts[name]);
      }
    },
  };
}
