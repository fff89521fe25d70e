import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LayerSpec, layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { loadDigits } from '../../lib/data/digits.js';
import { packageRoot } from '../../lib/package.js';
import { Random } from '../../lib/random.js';

/** A network as its file describes it. */
export interface Network {
  name: string;
  /** For the table; default none. */
  about?: string;
  inputShape: [number, number, number];
  /** Each a function of `layers`, and its argument if it has one. A rescaling to [0, 1] goes before them. */
  layers: [factory: keyof typeof layers, options?: unknown][];
}

/** The networks that every run measures. */
export function suite(): Network[] {
  return JSON.parse(readFileSync(join(packageRoot(), 'bench', 'suite', 'networks.json'), 'utf8'));
}

/**
 * Those that `wanted` names, in its order: networks of the suite, or JSON files with one or a list of them.
 * @throws Error for a name that is neither
 */
export function networksOf(wanted: readonly string[]): Network[] {
  const known = suite();
  return wanted.flatMap((name) => {
    if (name.endsWith('.json')) return JSON.parse(readFileSync(name, 'utf8')) as Network | Network[];
    const network = known.find((candidate) => candidate.name === name);
    if (network) return network;
    throw new Error(
      `Expected ${known.map((candidate) => candidate.name).join(', ')} or a .json file for --networks but received ${JSON.stringify(name)}`,
    );
  });
}

export function layersOf(network: Network): LayerSpec[] {
  const build = ([factory, options]: Network['layers'][number]): LayerSpec =>
    (layers[factory] as (options?: unknown) => LayerSpec)(options);
  return [layers.rescaling({ scale: 1 / 255 }), ...network.layers.map(build)];
}

/**
 * The first `count` digits as they are where they have that shape; else, repeated to fill it, on a coloured grain, so
 * that no part of an image is blank, as in photographs.
 */
export async function imagesOf(shape: readonly [number, number, number], count: number): Promise<Dataset> {
  const digits = (await loadDigits()).subset(Array.from({ length: count }, (_, i) => i));
  const [height, width, channels] = shape;
  const [h, w] = digits.imageShape;
  if (height === h && width === w && channels === 1) return digits;
  const random = new Random(1, 'grain');
  const images = new Uint8Array(count * height * width * channels);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const digit = digits.image(i);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const ink = digit[(y % h) * w + (x % w)]!;
        for (let c = 0; c < channels; c++) images[at++] = 16 + ink / 2 + (random.uint32() >>> 26);
      }
    }
  }
  return Dataset.from({ images, labels: digits.labels(), height, width, channels, classes: 10 });
}
