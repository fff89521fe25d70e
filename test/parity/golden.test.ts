import { describe, expect, test } from '@jest/globals';
import type { LayerSpec } from '../../lib/architecture/layers.js';
import { notebookLayers } from '../../lib/architecture/notebook-layers.js';
import { resolveLayers, toNativeLayers } from '../../lib/architecture/resolve-layers.js';
import {
  packTrainable,
  packWeights,
  unpackTrainable,
  unpackWeights,
} from '../../lib/architecture/weights.js';
import { Dataset } from '../../lib/data/dataset.js';
import { notebookModel } from '../../lib/model/notebook.js';
import type { NativeState } from '../../lib/native/contract.js';
import * as golden from '../golden.js';
import { adam, type KnownOutputs, ReferenceNetwork } from '../reference/network.js';
import { above, distance, largestError, norm, relativeError } from './compare.js';
import { onDevice, tolerances, widened } from './device.js';
import { Engine } from './engine.js';
import { Slice } from './slice.js';

/*
 * Three parties: Keras 2.8 in float32 (golden), the float64 reference, and the engine.
 *
 * This batch of 6 images is ill-conditioned: a dense batch norm over 6 nearly equal values divides by their small
 * deviation, and three of them in a row turn a rounding error of 1e-6 into one of 1e-3 in the gradients. Keras itself is
 * up to 1.2e-3 of a tensor's largest value away from exact arithmetic, while the backward pass of its own activations
 * agrees with exact arithmetic to 2e-6. So each layer is held to Keras' numbers by itself, forward and backward, from
 * Keras' activations and within a few roundings; whole passes are held to what conditioning leaves.
 */
const WHOLE_PASS = widened(3e-3);

const inputShape = [28, 28, 1];
const specs = notebookLayers(golden.widths);
const architecture = resolveLayers(specs, inputShape);
const layerNames = architecture.layers.map((layer) => layer.name);
const weightNames = architecture.weights.map((weight) => weight.name);
const trainableNames = architecture.weights.filter((weight) => weight.trainable).map((weight) => weight.name);
const statisticNames = weightNames.filter((name) => !trainableNames.includes(name));

const images = golden.images('train');
const labels = golden.labels('train');
const batch = (first: number, end: number) => ({
  x: images.subarray(first * 784, end * 784),
  y: labels.subarray(first, end),
});
const first = batch(0, 6);

/** What Keras' layers put out for the first batch. */
const kerasOutput = (layer: number): Float32Array =>
  golden.floats(layer === specs.length - 1 ? 'fwd1/logits' : `fwd1/${layerNames[layer]}`);
const kerasInput = (layer: number): Float32Array =>
  layer === 0 ? Float32Array.from(first.x) : kerasOutput(layer - 1);

/** Keras' state after `init`, `step1` or `step3`. */
function kerasState(moment: 'init' | 'step1' | 'step3'): NativeState {
  const optimizer = (kind: 'm' | 'v') =>
    moment === 'init'
      ? new Float32Array(architecture.parameters.trainable)
      : packTrainable(
          architecture,
          trainableNames.map((name) => golden.floats(`${moment}/opt/Adam/${name}/${kind}`)),
        );
  return {
    ...packWeights(
      architecture,
      weightNames.map((name) => golden.floats(`${moment}/${name}`)),
    ),
    m: optimizer('m'),
    v: optimizer('v'),
    iterations: { init: 0, step1: 1, step3: 3 }[moment],
  };
}

function referenceAt(moment: 'init' | 'step1'): ReferenceNetwork {
  const network = new ReferenceNetwork(specs, inputShape);
  const state = kerasState(moment);
  network.setWeights(unpackWeights(architecture, state).map((weight) => weight.data));
  for (const [i, { m, v }] of network.moments.entries()) {
    m.set(unpackTrainable(architecture, state.m)[i]!.data);
    v.set(unpackTrainable(architecture, state.v)[i]!.data);
  }
  network.iterations = state.iterations;
  return network;
}

function engineAt(moment: 'init' | 'step1'): Engine {
  const engine = Engine.of(specs, inputShape);
  engine.state = kerasState(moment);
  return engine;
}

type Measure = (actual: ArrayLike<number>, expected: ArrayLike<number>) => number;

/** An error for each name. */
const errors = (
  names: readonly string[],
  measure: Measure,
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
) => Object.fromEntries(names.map((name, i) => [name, measure(actual[i]!, expected[i]!)]));

const kerasGradients = trainableNames.map((name) => golden.floats(`grad1/${name}`));
const split = (flat: Float32Array) => unpackTrainable(architecture, flat).map((weight) => weight.data);

describe('the float64 reference, from the activations of Keras', () => {
  const known: KnownOutputs = (layer) => kerasOutput(layer);
  const network = referenceAt('init');

  test('puts out what each layer of Keras did', () => {
    const actual = specs.map((_, i) => {
      const before: KnownOutputs = (layer) => (layer < i ? kerasOutput(layer) : undefined);
      return network.forward(first.x, 6, true, before)[i]!;
    });
    const expected = specs.map((_, i) => kerasOutput(i));
    expect(above(2e-6, errors(layerNames, relativeError, actual, expected))).toEqual({});
  });

  test('has the loss and gradients of Keras', () => {
    const { loss } = network.gradients(first.x, first.y, known);
    expect(relativeError([loss], golden.floats('fwd1/loss'))).toBeLessThan(3e-6);
    const actual = network.trainable.map((weight) => weight.gradient);
    expect(above(2e-6, errors(trainableNames, relativeError, actual, kerasGradients))).toEqual({});
  });

  test('moves the statistics as Keras did', () => {
    const moved = referenceAt('init');
    moved.updateStatistics(first.x, 6, known);
    const actual = moved.weights.filter((weight) => !weight.trainable).map((weight) => weight.values);
    const expected = statisticNames.map((name) => golden.floats(`step1/${name}`));
    expect(above(1e-7, errors(statisticNames, largestError, actual, expected))).toEqual({});
  });

  test('steps as Adam of Keras did with the gradients of Keras', () => {
    // The gradients and the step are of two runs of Keras, which differ by rounding.
    for (const name of trainableNames) {
      const w = Float64Array.from(golden.floats(`init/${name}`));
      const moments = { m: new Float64Array(w.length), v: new Float64Array(w.length) };
      adam(w, golden.floats(`grad1/${name}`), moments, 1);
      const found = {
        w: largestError(w, golden.floats(`step1/${name}`)),
        m: relativeError(moments.m, golden.floats(`step1/opt/Adam/${name}/m`)) / 2,
        v: relativeError(moments.v, golden.floats(`step1/opt/Adam/${name}/v`)) / 4,
      };
      expect({ name, ...above(1e-6, found) }).toEqual({ name });
    }
  });
});

describe('the engine, layer by layer from the activations of Keras', () => {
  const nativeLayers = toNativeLayers(architecture);
  // The softmax belongs to the loss. Convolution and pooling are fused where they follow each other.
  nativeLayers.at(-1)!.activation = 'linear';
  const singles = specs.map((_, i) => [i, i] as const);
  const fused = specs.flatMap((spec, i) => (spec.type === 'MaxPooling2D' ? [[i - 1, i] as const] : []));

  describe.each([...singles, ...fused])('layers %i to %i', (from, to) => {
    const layers = architecture.layers.slice(from, to + 1);
    const weights = layers.flatMap((layer) => layer.weights).filter((weight) => weight.trainable);
    const slice = new Slice(
      nativeLayers.slice(from, to + 1),
      weights.map(({ name }) => golden.floats(`init/${name}`)),
    );

    test(`${layers.map(({ name }) => name).join(' and ')} forward`, async () => {
      const actual = await slice.forward(kerasInput(from), 6);
      expect(relativeError(actual, kerasOutput(to))).toBeLessThan(tolerances.layerForward);
    });

    test(`${layers.map(({ name }) => name).join(' and ')} backward`, async () => {
      const { inputGradients } = referenceAt('init').gradients(first.x, first.y, kerasOutput);
      const { input, weights: gradients } = await slice.backward(
        kerasInput(from),
        kerasOutput(to),
        inputGradients[to + 1]!,
        6,
      );
      expect(relativeError(input, inputGradients[from]!)).toBeLessThan(tolerances.layerBackward);
      const names = weights.map(({ name }) => name);
      const expected = names.map((name) => golden.floats(`grad1/${name}`));
      expect(above(tolerances.layerBackward, errors(names, relativeError, gradients, expected))).toEqual({});
    });
  });
});

describe('the engine, whole passes', () => {
  test('puts out what Keras did after every layer, in training mode', async () => {
    const actual: Float32Array[] = [];
    for (const [i, spec] of specs.entries()) {
      const last: LayerSpec =
        i === specs.length - 1 ? ({ ...spec, activation: 'linear' } as LayerSpec) : spec;
      const prefix = resolveLayers([...specs.slice(0, i), last], inputShape);
      const engine = new Engine(toNativeLayers(prefix));
      engine.state = packWeights(
        prefix,
        prefix.weights.map(({ name }) => golden.floats(`init/${name}`)),
      );
      actual.push(await engine.forward(first.x, true));
    }
    const expected = specs.map((_, i) => kerasOutput(i));
    expect(above(widened(2e-4), errors(layerNames, relativeError, actual, expected))).toEqual({});
  });

  test('has the loss and, within the conditioning, the gradients of Keras and of exact arithmetic', async () => {
    const { loss, gradients } = await engineAt('init').gradients(first.x, first.y);
    expect(relativeError([loss], golden.floats('fwd1/loss'))).toBeLessThan(tolerances.loss);
    const exact = referenceAt('init');
    expect(relativeError([loss], [exact.gradients(first.x, first.y).loss])).toBeLessThan(tolerances.loss);
    const references = { keras: kerasGradients, exact: exact.trainable.map((weight) => weight.gradient) };
    for (const [name, expected] of Object.entries(references)) {
      const found = errors(trainableNames, relativeError, split(gradients), expected);
      expect({ name, ...above(WHOLE_PASS, found) }).toEqual({ name });
    }
  });

  test('steps as Adam does with the gradients it has', async () => {
    const engine = engineAt('init');
    const { gradients } = await engine.gradients(first.x, first.y);
    await engine.train(first.x, first.y);
    const { parameters, m, v, iterations } = engine.state;
    expect(iterations).toBe(1);
    const w = Float64Array.from(kerasState('init').parameters);
    const moments = { m: new Float64Array(w.length), v: new Float64Array(w.length) };
    adam(w, gradients, moments, 1);
    expect(
      above(tolerances.adam, {
        w: largestError(parameters, w),
        m: relativeError(m, moments.m),
        v: relativeError(v, moments.v),
      }),
    ).toEqual({});
  });

  // A weight whose gradient is near zero moves in the first step by up to the learning rate in either direction on
  // rounding alone; so what is compared is each tensor's whole movement, and the first one's less closely.
  test.each([
    { from: 'init', to: 'step1', first: 0, sizes: [6], statistics: 1, moments: 3e-3, movement: 0.05 },
    { from: 'step1', to: 'step3', first: 6, sizes: [6, 3], statistics: 3, moments: 1e-3, movement: 1e-3 },
  ] as const)(
    'from $from of Keras arrives at $to of Keras',
    async ({ from, to, first, sizes, ...limits }) => {
      const engine = engineAt(from);
      const { x, y } = batch(first, first + sizes.reduce((a: number, b) => a + b, 0));
      await engine.train(x, y, [...sizes]);
      const { parameters, statistics, m, v, iterations } = engine.state;
      const [before, after] = [kerasState(from), kerasState(to)];
      const movement = (to: Float32Array) => split(to.map((value, i) => value - before.parameters[i]!));
      const moved: Measure = (actual, expected) => distance(actual, expected) / norm(expected);
      expect(iterations).toBe(after.iterations);
      expect(largestError(statistics, after.statistics)).toBeLessThan(
        limits.statistics * tolerances.statistics,
      );
      expect({
        m: above(widened(limits.moments), errors(trainableNames, relativeError, split(m), split(after.m))),
        v: above(
          widened(2 * limits.moments),
          errors(trainableNames, relativeError, split(v), split(after.v)),
        ),
        weights: above(
          widened(limits.movement),
          errors(trainableNames, moved, movement(parameters), movement(after.parameters)),
        ),
      }).toEqual({ m: {}, v: {}, weights: {} });
    },
  );

  // Six steps on its own, the first of them as above.
  test('fits with the history and the final probabilities of Keras', async () => {
    const model = notebookModel(golden.widths, onDevice);
    const weights = model.getWeights();
    model.setWeights(weights.map((weight) => ({ ...weight, data: golden.floats(`init/${weight.name}`) })));
    const square = { height: 28, width: 28, classes: 10 };
    const train = Dataset.from({ images, labels, ...square });
    const val = Dataset.from({ images: golden.images('val'), labels: golden.labels('val'), ...square });
    const { history } = await model.fit(train, {
      epochs: 2,
      batchSize: 6,
      shuffle: 'none',
      validationData: val,
      verbose: 0,
    });
    expect(Object.keys(history)).toEqual(Object.keys(golden.history));
    expect(largestError(history.accuracy, golden.history.accuracy)).toBeLessThan(1e-7);
    expect(largestError(history.val_accuracy!, golden.history.val_accuracy)).toBeLessThan(1e-7);
    expect(relativeError([history.loss[0]!], [golden.history.loss[0]!])).toBeLessThan(widened(1e-5));
    expect(relativeError([history.loss[1]!], [golden.history.loss[1]!])).toBeLessThan(widened(5e-4));
    expect(relativeError(history.val_loss!, golden.history.val_loss)).toBeLessThan(widened(1e-5));
    const probabilities = await model.predict(val);
    expect(relativeError(probabilities, golden.floats('final/val_probs'))).toBeLessThan(widened(2e-4));
  });
});
