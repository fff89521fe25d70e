/*
 * Runs every case of shapes-cases.ts on the device and in the float64 reference, and reports their distances.
 * A script of its own: the CPU backend picks its instruction set once per process.
 */
import { Dataset } from '../../lib/data/dataset.js';
import { sequential } from '../../lib/model/model.js';
import type { NativeState } from '../../lib/native/contract.js';
import type { Random } from '../../lib/random.js';
import { adam, ReferenceNetwork } from '../reference/network.js';
import { distance, largestError, norm, relativeError } from './compare.js';
import { device, onDevice } from './device.js';
import { drawDecided, drawWeights, noise } from './draw.js';
import { type ShapesCase, shapesCases } from './shapes-cases.js';
import { report } from './worker.js';

/** How far a case is from the reference; {@link Tolerances} says how each is measured. */
export interface ShapesDistances {
  probabilities: number;
  trainingLoss: number;
  trainingAccuracy: number;
  /** By the weight's name. */
  gradients: Record<string, number>;
  statistics: number;
  adam: number;
  evaluationLoss: number;
  evaluationAccuracy: number;
}

/** What this script reports. */
export interface ShapesReport {
  instructionSet: string | undefined;
  /** By the case's name. */
  distances: Record<string, ShapesDistances>;
}

async function measure(given: ShapesCase): Promise<ShapesDistances> {
  const { specs, inputShape, seed, batch, classes } = given;
  using model = sequential(specs, { inputShape, seed, ...onDevice });
  model.setWeights(drawWeights(model.getWeights(), seed));
  const reference = new ReferenceNetwork(specs, inputShape);
  reference.setWeights(model.getWeights().map((weight) => weight.data));

  const labels = Uint8Array.from({ length: batch }, (_, i) => (i * 7 + seed) % classes);
  const images = drawDecided(reference, batch, seed, (random) => drawImages(given, random));
  const probabilities = largestError(await model.predict(images), reference.predict(images, batch));
  const data = Dataset.from({
    images,
    labels,
    classes,
    height: inputShape[0],
    width: inputShape[1],
    channels: inputShape[2],
  });
  // Batches of 5 leave a smaller last one.
  const evaluation = await model.evaluate(data, { batchSize: 5 });
  const expectedEvaluation = reference.evaluate(images, labels);

  const { loss, gradients } = await model.gradients(images, labels);
  const exact = reference.gradients(images, labels);
  const names = gradients.map(({ name }) => name);
  const exactGradients = reference.trainable.map((weight) => weight.gradient);
  // In exact arithmetic some gradients are zero, as that of a bias before a batch norm, and what rounding leaves of
  // their terms has no scale of its own. With all images alike the deviation of a batch norm is zero, whatever comes
  // before one has no gradient, and the rounding of its mean is multiplied by 1 / sqrt(epsilon) = 32.
  const whole = norm(exactGradients.map(norm));
  const floor = given.images === 'zero' ? 10 * whole : 0.01 * whole;
  const gradientDistances = names.map((name, i) => {
    const expected = exactGradients[i]!;
    return [name, distance(gradients[i]!.data, expected) / (Math.max(norm(expected), floor) || 1)];
  });

  const before = model.snapshot() as NativeState;
  const training = await model.trainOnBatch(images, labels);
  const after = model.snapshot() as NativeState;
  const w = Float64Array.from(before.parameters);
  const moments = { m: new Float64Array(w.length), v: new Float64Array(w.length) };
  adam(
    w,
    gradients.flatMap(({ data }) => [...data]),
    moments,
    1,
  );
  reference.updateStatistics(images, batch);
  const moving = model.getWeights().filter(({ name }) => name.includes('/moving_'));
  const exactMoving = reference.weights.filter((weight) => !weight.trainable);

  return {
    probabilities,
    trainingLoss: Math.max(relativeError([loss], [exact.loss]), relativeError([training.loss], [exact.loss])),
    trainingAccuracy: Math.abs(training.accuracy - exact.accuracy),
    gradients: Object.fromEntries(gradientDistances),
    statistics: Math.max(0, ...moving.map(({ data }, i) => largestError(data, exactMoving[i]!.values))),
    adam: Math.max(
      largestError(after.parameters, w),
      relativeError(after.m, moments.m),
      relativeError(after.v, moments.v),
    ),
    evaluationLoss: relativeError([evaluation.loss], [expectedEvaluation.loss]),
    evaluationAccuracy: Math.abs(evaluation.accuracy - expectedEvaluation.accuracy),
  };
}

function drawImages({ images, inputShape, batch }: ShapesCase, random: Random): Uint8Array {
  const length = batch * inputShape.reduce((a, b) => a * b, 1);
  if (images === 'zero') return new Uint8Array(length);
  if (images === 'noise') return noise(length, random);
  const channels = inputShape[2];
  const colours = Array.from({ length: batch * channels }, () => random.below(256));
  return Uint8Array.from(
    { length },
    (_, i) => colours[Math.floor((i * batch) / length) * channels + (i % channels)]!,
  );
}

const distances: ShapesReport['distances'] = {};
for (const given of shapesCases) distances[given.name] = await measure(given);
report({ instructionSet: device.addon.buildInfo().instructionSet, distances } satisfies ShapesReport);
