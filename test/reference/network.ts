import type { LayerSpec } from '../../lib/architecture/layers.js';
import { type ReferenceLayer, type ReferenceWeight, referenceLayer } from './layers.js';

/** Adam's hyperparameters as Keras computes with them: rounded to float32 but for epsilon. */
export interface ReferenceAdam {
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

export const KERAS_ADAM: Readonly<ReferenceAdam> = {
  learningRate: Math.fround(1e-3),
  beta1: Math.fround(0.9),
  beta2: Math.fround(0.999),
  epsilon: 1e-7,
};

/** Adam's state of one weight; updated in place. */
export interface Moments {
  m: Float64Array;
  v: Float64Array;
}

export interface ReferenceMetrics {
  loss: number;
  accuracy: number;
}

/** Stands in for the output of the layer at `index`, if it returns anything. */
export type KnownOutputs = (index: number) => ArrayLike<number> | undefined;

/**
 * Keras 2.8's training step of a sequential classifier in plain float64, written from its definition and sharing no
 * code with the engine: forward, sparse categorical cross-entropy on the logits, backward, moving statistics, Adam.
 */
export class ReferenceNetwork {
  readonly layers: ReferenceLayer[] = [];
  readonly moments: Moments[];
  iterations = 0;

  /** @param inputShape without the batch */
  constructor(
    specs: readonly LayerSpec[],
    inputShape: readonly number[],
    private readonly hyperparameters: ReferenceAdam = KERAS_ADAM,
  ) {
    let shape = [...inputShape];
    for (const spec of specs) {
      const layer = referenceLayer(spec, shape);
      this.layers.push(layer);
      shape = layer.outputShape;
    }
    this.moments = this.trainable.map(({ values }) => ({
      m: new Float64Array(values.length),
      v: new Float64Array(values.length),
    }));
  }

  /** All weights in Keras' order. */
  get weights(): ReferenceWeight[] {
    return this.layers.flatMap((layer) => layer.weights);
  }

  get trainable(): ReferenceWeight[] {
    return this.weights.filter((weight) => weight.trainable);
  }

  setWeights(values: readonly ArrayLike<number>[]): void {
    for (const [i, weight] of this.weights.entries()) weight.values.set(values[i]!);
  }

  /** The output of every layer; the last one's are logits. Changes nothing. */
  forward(images: ArrayLike<number>, n: number, training: boolean, known?: KnownOutputs): Float64Array[] {
    const outputs: Float64Array[] = [];
    for (const [i, layer] of this.layers.entries()) {
      const given = known?.(i);
      const x = outputs[i - 1] ?? Float64Array.from(images);
      outputs.push(given ? Float64Array.from(given) : layer.forward(x, n, training));
    }
    return outputs;
  }

  /** The smallest {@link ReferenceLayer.decisionGap} of all layers, in training mode. */
  decisionGap(images: ArrayLike<number>, n: number): number {
    const outputs = this.forward(images, n, true);
    const inputs = [Float64Array.from(images), ...outputs];
    return Math.min(...this.layers.map((layer, i) => layer.decisionGap(inputs[i]!, n)));
  }

  predict(images: ArrayLike<number>, n: number): Float64Array {
    return softmax(this.forward(images, n, false).at(-1)!, n);
  }

  evaluate(images: ArrayLike<number>, labels: ArrayLike<number>): ReferenceMetrics {
    return metrics(this.forward(images, labels.length, false).at(-1)!, labels);
  }

  /**
   * The metrics of the batch in training mode; sets every trainable weight's gradient, and nothing else.
   * @returns also what {@link backward} returns
   */
  gradients(
    images: ArrayLike<number>,
    labels: ArrayLike<number>,
    known?: KnownOutputs,
  ): ReferenceMetrics & { inputGradients: Float64Array[] } {
    const outputs = this.forward(images, labels.length, true, known);
    const logits = outputs.at(-1)!;
    const inputGradients = this.backward(images, outputs, lossGradient(logits, labels), labels.length);
    return { ...metrics(logits, labels), inputGradients };
  }

  /**
   * Sets every trainable weight's gradient, given those of the last of `outputs`.
   * @param outputs of {@link forward} in training mode
   * @returns the gradients of every layer's input, then `gradient`
   */
  backward(
    images: ArrayLike<number>,
    outputs: readonly Float64Array[],
    gradient: Float64Array,
    n: number,
  ): Float64Array[] {
    const inputGradients = [gradient];
    for (const [i, layer] of [...this.layers.entries()].reverse()) {
      const x = outputs[i - 1] ?? Float64Array.from(images);
      inputGradients.unshift(layer.backward(x, outputs[i]!, inputGradients[0]!, n));
    }
    return inputGradients;
  }

  /** One optimizer step; the metrics are of before it. */
  trainStep(images: ArrayLike<number>, labels: ArrayLike<number>): ReferenceMetrics {
    const { loss, accuracy } = this.gradients(images, labels);
    this.updateStatistics(images, labels.length);
    this.applyGradients();
    return { loss, accuracy };
  }

  /** Moves all moving statistics towards those of the batch. */
  updateStatistics(images: ArrayLike<number>, n: number, known?: KnownOutputs): void {
    const inputs = [Float64Array.from(images), ...this.forward(images, n, true, known)];
    for (const [i, layer] of this.layers.entries()) layer.updateStatistics(inputs[i]!, n);
  }

  /** Adam with the gradients that the weights have at present. */
  applyGradients(): void {
    this.iterations++;
    for (const [i, { values, gradient }] of this.trainable.entries()) {
      adam(values, gradient, this.moments[i]!, this.iterations, this.hyperparameters);
    }
  }
}

/** One step of Adam in place: `t` counts from 1. Epsilon is neither under the root nor bias-corrected. */
export function adam(
  w: Float64Array,
  g: ArrayLike<number>,
  { m, v }: Moments,
  t: number,
  { learningRate, beta1, beta2, epsilon }: ReferenceAdam = KERAS_ADAM,
): void {
  const alpha = (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
  for (let i = 0; i < w.length; i++) {
    m[i]! += (g[i]! - m[i]!) * (1 - beta1);
    v[i]! += (g[i]! ** 2 - v[i]!) * (1 - beta2);
    w[i]! -= (alpha * m[i]!) / (Math.sqrt(v[i]!) + epsilon);
  }
}

/** Row by row. */
function softmax(logits: Float64Array, n: number): Float64Array {
  const classes = logits.length / n;
  const result = new Float64Array(logits.length);
  for (let row = 0; row < n; row++) {
    const z = logits.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...z);
    const exponentials = z.map((value) => Math.exp(value - largest));
    const sum = exponentials.reduce((a, b) => a + b, 0);
    result.set(
      exponentials.map((value) => value / sum),
      row * classes,
    );
  }
  return result;
}

/** Of the mean loss: (softmax - one-hot) / n. */
function lossGradient(logits: Float64Array, labels: ArrayLike<number>): Float64Array {
  const n = labels.length;
  const gradient = softmax(logits, n);
  const classes = gradient.length / n;
  for (let row = 0; row < n; row++) gradient[row * classes + labels[row]!]! -= 1;
  return gradient.map((value) => value / n);
}

function metrics(logits: Float64Array, labels: ArrayLike<number>): ReferenceMetrics {
  const n = labels.length;
  const classes = logits.length / n;
  let loss = 0;
  let correct = 0;
  for (let row = 0; row < n; row++) {
    const z = logits.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...z);
    const sum = z.reduce((total, value) => total + Math.exp(value - largest), 0);
    loss += Math.log(sum) + largest - z[labels[row]!]!;
    if (z.indexOf(largest) === labels[row]) correct++;
  }
  return { loss: loss / n, accuracy: correct / n };
}
