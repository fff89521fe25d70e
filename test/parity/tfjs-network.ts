import * as tf from '@tensorflow/tfjs';
import type { LayerSpec } from '../../lib/architecture/layers.js';

/** A network of TensorFlow.js' layers on its plain JavaScript backend, trained as Keras 2.8 trains. */
export class TfjsNetwork {
  readonly #model: tf.Sequential;
  readonly #inputShape: number[];
  readonly #moments = new Map<string, { m: tf.Tensor; v: tf.Tensor }>();
  #iterations = 0;

  private constructor(specs: readonly LayerSpec[], inputShape: readonly number[]) {
    this.#inputShape = [...inputShape];
    this.#model = tf.sequential();
    for (const [i, spec] of specs.entries()) {
      this.#model.add(layer(spec, i === 0 ? { inputShape: this.#inputShape } : {}));
    }
  }

  static async of(specs: readonly LayerSpec[], inputShape: readonly number[]): Promise<TfjsNetwork> {
    // Silences its advertisement for another package.
    tf.enableProdMode();
    await tf.setBackend('cpu');
    return new TfjsNetwork(specs, inputShape);
  }

  /** In Keras' order. */
  get weights(): Float32Array[] {
    return this.#variables.map((variable) => variable.dataSync<'float32'>().slice());
  }

  set weights(values: readonly Float32Array[]) {
    for (const [i, variable] of this.#variables.entries()) {
      variable.assign(tf.tensor(values[i]!, variable.shape));
    }
  }

  /** In inference mode. */
  predict(images: Uint8Array): Float32Array {
    return tf.tidy(() => tf.softmax(this.#logits(images, false)).dataSync<'float32'>().slice());
  }

  /** The loss of the batch in training mode and the gradients of the trainable weights; moves the statistics. */
  gradients(images: Uint8Array, labels: Uint8Array): { loss: number; gradients: Float32Array[] } {
    return tf.tidy(() => {
      const { value, grads } = this.#run(images, labels);
      const gradients = this.#trainable.map(({ name }) => grads[name]!.dataSync<'float32'>().slice());
      return { loss: value.dataSync()[0]!, gradients };
    });
  }

  /** An optimizer step; returns the loss before it. */
  trainStep(images: Uint8Array, labels: Uint8Array): number {
    const { value, grads } = this.#run(images, labels);
    this.#iterations++;
    for (const variable of this.#trainable) this.#adam(variable, grads[variable.name]!);
    return value.dataSync()[0]!;
  }

  get #variables(): tf.Variable[] {
    return this.#model.layers.flatMap((layer) => layer.weights.map((weight) => weight.read() as tf.Variable));
  }

  get #trainable(): tf.Variable[] {
    return this.#variables.filter((variable) => variable.trainable);
  }

  #logits(images: Uint8Array, training: boolean): tf.Tensor2D {
    const size = this.#inputShape.reduce((a, b) => a * b, 1);
    const x = tf.tensor(Float32Array.from(images), [images.length / size, ...this.#inputShape]);
    return this.#model.apply(x, { training }) as tf.Tensor2D;
  }

  #run(images: Uint8Array, labels: Uint8Array) {
    const before = this.weights;
    const result = tf.variableGrads(() => {
      const logits = this.#logits(images, true);
      const oneHot = tf.oneHot(tf.tensor1d(labels, 'int32'), logits.shape[1]);
      return tf.losses.softmaxCrossEntropy(oneHot, logits).asScalar();
    }, this.#trainable);
    this.#keepUnbiasedVariance(before, labels.length);
    return result;
  }

  /** Of a batch norm's input Keras keeps the unbiased variance if it is images, TensorFlow.js always the biased one. */
  #keepUnbiasedVariance(before: readonly Float32Array[], n: number): void {
    const variables = this.#variables;
    for (const layer of this.#model.layers) {
      const [, height, width, channels] = layer.outputShape as number[];
      if (layer.getClassName() !== 'BatchNormalization' || channels === undefined) continue;
      const variance = layer.weights.at(-1)!.read() as tf.Variable;
      const momentum = layer.getConfig().momentum as number;
      const kept = tf.tensor(before[variables.indexOf(variance)]!).mul(momentum);
      const count = n * height! * width!;
      variance.assign(
        variance
          .sub(kept)
          .mul(count / (count - 1))
          .add(kept),
      );
    }
  }

  /**
   * Keras' update in TensorFlow.js' operations. Its own AdamOptimizer divides by sqrt(v / (1 - beta2^t)) + epsilon, the
   * form with a bias-corrected root; Keras adds epsilon to the uncorrected one.
   */
  #adam(variable: tf.Variable, gradient: tf.Tensor): void {
    const [learningRate, beta1, beta2, epsilon] = [1e-3, 0.9, 0.999, 1e-7];
    const old = this.#moments.get(variable.name) ?? { m: tf.zerosLike(variable), v: tf.zerosLike(variable) };
    const alpha = (learningRate * Math.sqrt(1 - beta2 ** this.#iterations)) / (1 - beta1 ** this.#iterations);
    const m = old.m.mul(beta1).add(gradient.mul(1 - beta1));
    const v = old.v.mul(beta2).add(gradient.square().mul(1 - beta2));
    this.#moments.set(variable.name, { m, v });
    variable.assign(variable.sub(m.mul(alpha).div(v.sqrt().add(epsilon))));
  }
}

/** TensorFlow.js names the options as we do. A softmax is left out: it belongs to the loss. */
function layer(spec: LayerSpec, first: { inputShape?: number[] }): tf.layers.Layer {
  const options = { ...spec, ...first };
  const linear = <T extends { activation: string }>(layer: T) => ({
    ...layer,
    activation:
      layer.activation === 'softmax' ? ('linear' as const) : (layer.activation as 'linear' | 'relu'),
  });
  switch (options.type) {
    case 'Rescaling':
      return tf.layers.rescaling(options);
    case 'Conv2D':
      return tf.layers.conv2d(linear(options));
    case 'MaxPooling2D':
      return tf.layers.maxPooling2d(options);
    case 'BatchNormalization':
      return tf.layers.batchNormalization(options);
    case 'Flatten':
      return tf.layers.flatten(first);
    case 'Dense':
      return tf.layers.dense(linear(options));
    case 'Dropout':
      return tf.layers.dropout(options);
    case 'Activation':
      return tf.layers.activation(linear(options));
  }
}
