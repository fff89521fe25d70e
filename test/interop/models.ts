import { layers } from '../../lib/architecture/layers.js';
import { Dataset } from '../../lib/data/dataset.js';
import { loadDigits } from '../../lib/data/digits.js';
import { type Model, sequential } from '../../lib/model/model.js';
import { notebookModel } from '../../lib/model/notebook.js';
import { Random } from '../../lib/random.js';

/** A model whose weights and statistics have left their initial values, and images that it was not trained on. */
export interface TrainedModel {
  model: Model;
  images: Dataset;
}

/** 300 digits, some of every class: `from`, `from + 33`, ... */
export async function someDigits(from: number): Promise<Dataset> {
  const digits = await loadDigits();
  return digits.subset(Array.from({ length: 300 }, (_, i) => from + 33 * i));
}

/**
 * The notebook's model, trained on 300 digits. Batch norm's moving averages take hundreds of steps to arrive; before,
 * a model answers nearly the same whatever it is shown.
 */
export async function trainedNotebookModel(): Promise<TrainedModel> {
  const model = notebookModel([12, 10, 8], { device: 'cpu', seed: 1, learningRate: 0.002 });
  await model.fit(await someDigits(0), { epochs: 8, batchSize: 8, verbose: 0 });
  const unseen = await someDigits(16);
  return { model, images: unseen.subset(Array.from({ length: 100 }, (_, i) => 3 * i)) };
}

/** Every layer, with options that the notebook's model leaves at their defaults, and sizes that differ everywhere. */
export async function trainedModelOfEveryLayer(): Promise<TrainedModel> {
  const specs = [
    layers.conv2d({ filters: 3, kernelSize: [3, 4], strides: [1, 2], padding: 'same', useBias: false }),
    layers.rescaling({ scale: 1 / 200, offset: -0.25 }),
    layers.activation('relu'),
    layers.batchNormalization({ momentum: 0.8, epsilon: 0.02 }),
    layers.maxPooling2d({ poolSize: [3, 2], strides: [2, 1], padding: 'same' }),
    layers.dropout({ rate: 0.25 }),
    layers.conv2d({ filters: 5, kernelSize: [2, 3], strides: [2, 1], padding: 'valid', activation: 'relu' }),
    layers.rescaling({ scale: 2, name: 'twice' }),
    layers.flatten(),
    layers.dense({ units: 7, useBias: false, name: 'dense_5' }),
    layers.batchNormalization(),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 6, activation: 'relu' }),
    layers.dense({ units: 4 }),
    layers.activation('softmax'),
  ];
  const model = sequential(specs, {
    name: 'every_layer',
    inputShape: [11, 14, 2],
    device: 'cpu',
    seed: 2,
  });
  await model.fit(noise(64, 1), { epochs: 3, batchSize: 16, verbose: 0 });
  return { model, images: noise(40, 2) };
}

function noise(count: number, seed: number): Dataset {
  const random = new Random(seed);
  const [height, width, channels] = [11, 14, 2];
  const images = Uint8Array.from({ length: count * height * width * channels }, () => random.below(256));
  return Dataset.from({
    images,
    labels: Uint8Array.from({ length: count }, (_, i) => i % 4),
    height,
    width,
    channels,
  });
}

/** The pixels of all images, one after the other. */
export function pixelsOf(images: Dataset): Uint8Array {
  return Buffer.concat(Array.from({ length: images.size }, (_, i) => images.image(i)));
}
