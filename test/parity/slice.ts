import type { NativeLayer } from '../../lib/native/contract.js';
import { Engine } from './engine.js';

/**
 * Consecutive layers in the engine, between two dense layers that put any numbers in, which a network of its own
 * cannot take: it starts from pixels and ends in the loss.
 *
 * Before the layers stands a dense layer whose input is the identity matrix and whose kernel holds the wanted
 * activations: it puts them out exactly, and the gradient of its kernel is that of the activations. After them stands a
 * softmax over n + 1 classes that hands any wanted gradients of the outputs back, see {@link headKernel}.
 */
export class Slice {
  readonly #layers: readonly NativeLayer[];
  readonly #weights: readonly Float32Array[];

  /** @param weights the layers' trainable weights; batch norms run in training mode */
  constructor(layers: readonly NativeLayer[], weights: readonly Float32Array[]) {
    this.#layers = layers;
    this.#weights = weights;
  }

  /** The outputs for `activations` of `n` rows, in training mode. */
  forward(activations: Float32Array, n: number): Promise<Float32Array> {
    const engine = new Engine([this.#source(n), ...this.#layers]);
    engine.state = { parameters: concat([activations, ...this.#weights]) };
    return engine.forward(identity(n), true);
  }

  /** The gradients of the activations and of each weight, given those of the outputs. */
  async backward(
    activations: Float32Array,
    outputs: ArrayLike<number>,
    outputGradients: ArrayLike<number>,
    n: number,
  ): Promise<{ input: Float32Array; weights: Float32Array[] }> {
    const { kernel, scale } = headKernel(outputs, outputGradients, n);
    const head: NativeLayer = {
      type: 'Dense',
      inputShape: this.#layers.at(-1)!.outputShape,
      outputShape: [n + 1],
      activation: 'softmax',
      useBias: false,
    };
    const engine = new Engine([this.#source(n), ...this.#layers, head]);
    engine.state = { parameters: concat([activations, ...this.#weights, kernel]) };
    const { gradients } = await engine.gradients(
      identity(n),
      Uint8Array.from({ length: n }, (_, i) => i),
    );
    const split: Float32Array[] = [];
    let offset = 0;
    for (const { length } of [activations, ...this.#weights]) {
      split.push(gradients.slice(offset, offset + length).map((gradient) => gradient / scale));
      offset += length;
    }
    const [input, ...weights] = split;
    return { input: input!, weights };
  }

  #source(n: number): NativeLayer {
    const { inputShape } = this.#layers[0]!;
    return { type: 'Dense', inputShape: [n], outputShape: inputShape, activation: 'linear', useBias: false };
  }
}

/**
 * The kernel W of a softmax that gives row i, whose label is i, the gradient `scale` x `gradients[i]`. That gradient is
 * (sum over c of p[c] W[c] - W[i]) / n. With logits near zero all p are 1 / (n + 1), and with columns W[i] of
 * -n x gradients[i] and one more that makes their sum zero, the first term vanishes. The scale makes the logits small.
 */
function headKernel(
  outputs: ArrayLike<number>,
  gradients: ArrayLike<number>,
  n: number,
): { kernel: Float32Array; scale: number } {
  const size = outputs.length / n;
  const columns = n + 1;
  const exact = new Float64Array(size * columns);
  for (let i = 0; i < n; i++) {
    for (let f = 0; f < size; f++) {
      const value = n * gradients[i * size + f]!;
      exact[f * columns + i]! -= value;
      exact[f * columns + n]! += value;
    }
  }
  let largest = 0;
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < columns; c++) {
      let logit = 0;
      for (let f = 0; f < size; f++) logit += outputs[i * size + f]! * exact[f * columns + c]!;
      largest = Math.max(largest, Math.abs(logit));
    }
  }
  const scale = 1e-8 / (largest || 1);
  return { kernel: Float32Array.from(exact, (value) => value * scale), scale };
}

function identity(n: number): Uint8Array {
  return Uint8Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0));
}

function concat(arrays: readonly ArrayLike<number>[]): Float32Array {
  const result = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const array of arrays) {
    result.set(array, offset);
    offset += array.length;
  }
  return result;
}
