import {
  type Activation,
  type LayerSpec,
  layers,
  type Padding,
  type Size2D,
} from '../../lib/architecture/layers.js';
import { resolveLayers } from '../../lib/architecture/resolve-layers.js';
import { Random } from '../../lib/random.js';

/** A network and a batch for it. */
export interface ShapesCase {
  name: string;
  seed: number;
  inputShape: [number, number, number];
  specs: LayerSpec[];
  classes: number;
  batch: number;
  /** `noise`: half of the pixels zero; `constant`: one value per channel, so that pooling windows tie. */
  images: 'noise' | 'zero' | 'constant';
}

/** Sizes around the widths of vectors and tiles; few are multiples of 16. */
const WIDTHS = [1, 2, 3, 5, 7, 13, 15, 16, 17, 19, 31, 33];
const SEEDED_CASES = 20;

/** Sizes that the random ones are too small for: more than one pass of a matrix product in each direction. */
const LARGE: Omit<ShapesCase, 'seed'>[] = [
  {
    name: 'a convolution of depth 9 x 33 and 35 filters',
    inputShape: [8, 7, 3],
    specs: [
      layers.conv2d({ filters: 33, kernelSize: 3, activation: 'relu' }),
      layers.conv2d({ filters: 35, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: 4, activation: 'softmax' }),
    ],
    classes: 4,
    batch: 3,
    images: 'noise',
  },
  {
    name: 'dense layers of 530 and 270 units',
    inputShape: [4, 5, 1],
    specs: [
      layers.flatten(),
      layers.dense({ units: 530, activation: 'relu' }),
      layers.dense({ units: 270, activation: 'relu' }),
      layers.dense({ units: 11, activation: 'softmax' }),
    ],
    classes: 11,
    batch: 13,
    images: 'noise',
  },
  {
    name: 'a batch of 130 rows',
    inputShape: [6, 6, 1],
    specs: [
      layers.conv2d({ filters: 5, kernelSize: 3, activation: 'relu' }),
      layers.batchNormalization(),
      layers.flatten(),
      layers.dense({ units: 9, activation: 'relu' }),
      layers.batchNormalization(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    classes: 3,
    batch: 130,
    images: 'noise',
  },
];

/** Batch norms behind all that may come before one, with one position and many, and of a single value. */
const NORMS: Omit<ShapesCase, 'seed'>[] = [
  {
    name: 'batch norms of one value each',
    inputShape: [3, 3, 1],
    specs: [
      layers.conv2d({ filters: 5, kernelSize: 3, activation: 'relu' }),
      layers.batchNormalization({ momentum: 0.9 }),
      layers.flatten(),
      layers.dense({ units: 4, activation: 'relu' }),
      layers.batchNormalization({ momentum: 0.9 }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    classes: 3,
    batch: 1,
    images: 'noise',
  },
  {
    name: 'batch norms behind images, pooling, convolutions and activations',
    inputShape: [9, 8, 2],
    specs: [
      layers.batchNormalization(),
      layers.conv2d({ filters: 3, kernelSize: 3, useBias: false }),
      layers.batchNormalization(),
      layers.maxPooling2d(),
      layers.batchNormalization(),
      layers.conv2d({ filters: 4, kernelSize: 2, activation: 'relu' }),
      layers.activation('relu'),
      layers.batchNormalization(),
      layers.conv2d({ filters: 5, kernelSize: 2, activation: 'relu' }),
      layers.flatten(),
      layers.batchNormalization(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    classes: 3,
    batch: 12,
    images: 'noise',
  },
  {
    name: 'batch norms behind dense layers with and without bias and activation',
    inputShape: [5, 4, 1],
    specs: [
      layers.flatten(),
      layers.dense({ units: 7 }),
      layers.batchNormalization(),
      layers.dense({ units: 9, activation: 'relu', useBias: false }),
      layers.batchNormalization({ momentum: 0.9 }),
      layers.batchNormalization({ epsilon: 0.01 }),
      layers.dense({ units: 6, useBias: false }),
      layers.batchNormalization(),
      layers.activation('relu'),
      layers.dense({ units: 300, activation: 'relu' }),
      layers.batchNormalization(),
      layers.dense({ units: 4, activation: 'softmax' }),
    ],
    classes: 4,
    batch: 13,
    images: 'noise',
  },
];

export const shapesCases: ShapesCase[] = [
  ...[...LARGE, ...NORMS].map((large, seed) => ({
    ...large,
    seed,
    specs: [layers.rescaling({ scale: 1 / 255, offset: -0.3 }), ...large.specs],
  })),
  ...Array.from({ length: SEEDED_CASES }, (_, i) => randomCase(i)),
];

function randomCase(seed: number): ShapesCase {
  const random = new Random(seed, 'shapes');
  const pick = <T>(choices: readonly T[]): T => choices[random.below(choices.length)]!;
  const side = (largest: number): [number, number] => [1 + random.below(largest), 1 + random.below(largest)];
  const chance = () => random.below(2) === 0;
  const activation = (): Activation => pick(['relu', 'relu', 'linear']);

  const inputShape: [number, number, number] = [
    7 + random.below(6),
    7 + random.below(6),
    1 + random.below(3),
  ];
  const classes = 2 + random.below(10);
  const specs: LayerSpec[] = [layers.rescaling({ scale: 1 / 255, offset: pick([0, -0.4]) })];
  const padding = (window: [number, number]): Padding => {
    const sides = resolveLayers(specs, inputShape).outputShape;
    return window.every((length, i) => length <= sides[i]!) ? pick(['valid', 'same']) : 'same';
  };
  const stages = 1 + random.below(2);
  for (let stage = 0; stage < stages; stage++) {
    const kernelSize = side(3);
    specs.push(
      layers.conv2d({
        filters: pick(WIDTHS),
        kernelSize,
        strides: pick<Size2D>([1, 1, 2, [1, 2]]),
        padding: padding(kernelSize),
        activation: activation(),
        useBias: chance(),
      }),
    );
    if (chance()) {
      const poolSize = side(3);
      const strides = pick<Size2D>([1, 2, [2, 1]]);
      specs.push(layers.maxPooling2d({ poolSize, strides, padding: padding(poolSize) }));
    }
    if (chance()) specs.push(layers.batchNormalization({ momentum: pick([0.99, 0.9]) }));
    if (random.below(4) === 0)
      specs.push(layers.activation('relu'), layers.rescaling({ scale: 2, offset: 0.1 }));
  }
  specs.push(layers.flatten());
  if (chance()) {
    specs.push(layers.dense({ units: pick(WIDTHS), activation: activation(), useBias: chance() }));
    if (chance()) specs.push(layers.batchNormalization());
  }
  if (chance()) specs.push(layers.dense({ units: classes, activation: 'softmax', useBias: chance() }));
  else specs.push(layers.dense({ units: classes }), layers.activation('softmax'));

  const images = pick(['noise', 'noise', 'noise', 'zero', 'constant'] as const);
  // Few flat images differ so little that batch norms magnify the rounding of their differences.
  const batch = images === 'constant' ? pick([1, 12]) : pick([1, 3, 5, 6, 12]);
  const kinds = specs.map(({ type }) => type.replace(/2D|Normalization|ing$/g, '')).join(' ');
  return {
    name: `seed ${seed}: ${images} of ${inputShape.join('x')} x ${batch}: ${kinds}`,
    seed,
    inputShape,
    specs,
    classes,
    batch,
    images,
  };
}
