import type { LayerSpec, Padding, SpecOf } from '../../lib/architecture/layers.js';

/** A variable of a layer, with the gradient that the last `backward` gave it. */
export interface ReferenceWeight {
  variable: 'kernel' | 'bias' | 'gamma' | 'beta' | 'moving_mean' | 'moving_variance';
  trainable: boolean;
  values: Float64Array;
  gradient: Float64Array;
}

/**
 * A layer in plain float64 loops. It remembers nothing between calls but its weights, so that a test can put other
 * activations (those of Keras) in the place of its own. Activations are batches of `n` rows, images channels last.
 */
export interface ReferenceLayer {
  readonly outputShape: number[];
  /** In Keras' order. */
  readonly weights: ReferenceWeight[];
  /** A final softmax is left out: the layer puts out its logits. */
  forward(x: Float64Array, n: number, training: boolean): Float64Array;
  /** The gradient of x in training mode, given y = forward(x) and its gradient. Sets the weights' gradients. */
  backward(x: Float64Array, y: Float64Array, dy: Float64Array, n: number): Float64Array;
  /** Moves the moving statistics towards those of x. */
  updateStatistics(x: Float64Array, n: number): void;
  /**
   * How near the nearest of the layer's decisions in `forward(x)` was to going the other way: a ReLU's input to zero,
   * a pooling window's second largest value to its largest. Rounding can flip a near decision, and the gradient jumps.
   * Exact ties do not count: they come from equal inputs and stay ties in any precision.
   */
  decisionGap(x: Float64Array, n: number): number;
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function weight(variable: ReferenceWeight['variable'], size: number, trainable = true): ReferenceWeight {
  return { variable, trainable, values: new Float64Array(size), gradient: new Float64Array(size) };
}

abstract class Layer implements ReferenceLayer {
  readonly weights: ReferenceWeight[] = [];
  constructor(readonly outputShape: number[]) {}
  abstract forward(x: Float64Array, n: number, training: boolean): Float64Array;
  abstract backward(x: Float64Array, y: Float64Array, dy: Float64Array, n: number): Float64Array;
  updateStatistics(_x: Float64Array, _n: number): void {}
  decisionGap(_x: Float64Array, _n: number): number {
    return Number.POSITIVE_INFINITY;
  }
}

const relu = (z: Float64Array): Float64Array => z.map((value) => Math.max(value, 0));
const reluGradient = (y: Float64Array, dy: Float64Array): Float64Array =>
  dy.map((value, i) => (y[i]! > 0 ? value : 0));
const reluGap = (z: Float64Array): number =>
  z.reduce((gap, value) => (value === 0 ? gap : Math.min(gap, Math.abs(value))), Number.POSITIVE_INFINITY);

/** A layer that ends in an activation. */
abstract class ActivatedLayer extends Layer {
  constructor(
    outputShape: number[],
    private readonly activation: string,
  ) {
    super(outputShape);
  }
  /** Before the activation. */
  protected abstract linear(x: Float64Array, n: number): Float64Array;
  protected abstract linearBackward(x: Float64Array, dz: Float64Array, n: number): Float64Array;

  forward(x: Float64Array, n: number): Float64Array {
    const z = this.linear(x, n);
    return this.activation === 'relu' ? relu(z) : z;
  }
  backward(x: Float64Array, y: Float64Array, dy: Float64Array, n: number): Float64Array {
    return this.linearBackward(x, this.activation === 'relu' ? reluGradient(y, dy) : dy, n);
  }
  override decisionGap(x: Float64Array, n: number): number {
    return this.activation === 'relu' ? reluGap(this.linear(x, n)) : Number.POSITIVE_INFINITY;
  }
}

class Activation extends ActivatedLayer {
  protected linear(x: Float64Array): Float64Array {
    return x;
  }
  protected linearBackward(_x: Float64Array, dz: Float64Array): Float64Array {
    return dz;
  }
}

class Rescaling extends Layer {
  constructor(
    shape: number[],
    private readonly spec: SpecOf<'Rescaling'>,
  ) {
    super(shape);
  }
  forward(x: Float64Array): Float64Array {
    return x.map((value) => value * this.spec.scale + this.spec.offset);
  }
  backward(_x: Float64Array, _y: Float64Array, dy: Float64Array): Float64Array {
    return dy.map((value) => value * this.spec.scale);
  }
}

/** Flatten and, in inference, Dropout. */
class Identity extends Layer {
  constructor(
    outputShape: number[],
    private readonly type: string,
  ) {
    super(outputShape);
  }
  forward(x: Float64Array, _n: number, training: boolean): Float64Array {
    if (training && this.type === 'Dropout') throw new Error('The reference knows Dropout in inference only');
    return x;
  }
  backward(_x: Float64Array, _y: Float64Array, dy: Float64Array): Float64Array {
    return dy;
  }
}

class Dense extends ActivatedLayer {
  constructor(
    private readonly inputs: number,
    private readonly spec: SpecOf<'Dense'>,
  ) {
    super([spec.units], spec.activation);
    this.weights.push(weight('kernel', inputs * spec.units));
    if (spec.useBias) this.weights.push(weight('bias', spec.units));
  }

  protected linear(x: Float64Array, n: number): Float64Array {
    const { units } = this.spec;
    const [kernel, bias] = this.weights;
    const z = new Float64Array(n * units);
    for (let row = 0; row < n; row++) {
      for (let j = 0; j < units; j++) {
        let sum = bias ? bias.values[j]! : 0;
        for (let i = 0; i < this.inputs; i++)
          sum += x[row * this.inputs + i]! * kernel!.values[i * units + j]!;
        z[row * units + j] = sum;
      }
    }
    return z;
  }

  protected linearBackward(x: Float64Array, dz: Float64Array, n: number): Float64Array {
    const { units } = this.spec;
    const [kernel, bias] = this.weights;
    const dx = new Float64Array(n * this.inputs);
    for (const { gradient } of this.weights) gradient.fill(0);
    for (let row = 0; row < n; row++) {
      for (let j = 0; j < units; j++) {
        const d = dz[row * units + j]!;
        if (bias) bias.gradient[j]! += d;
        for (let i = 0; i < this.inputs; i++) {
          kernel!.gradient[i * units + j]! += d * x[row * this.inputs + i]!;
          dx[row * this.inputs + i]! += d * kernel!.values[i * units + j]!;
        }
      }
    }
    return dx;
  }
}

/** A sliding window in one direction, with TensorFlow's padding: of an odd total, the larger half comes last. */
class Axis {
  readonly out: number;
  private readonly before: number;
  constructor(
    readonly length: number,
    readonly window: number,
    private readonly stride: number,
    padding: Padding,
  ) {
    if (padding === 'valid') {
      this.out = Math.floor((length - window) / stride) + 1;
      this.before = 0;
    } else {
      this.out = Math.ceil(length / stride);
      const total = Math.max((this.out - 1) * stride + window - length, 0);
      this.before = Math.floor(total / 2);
    }
  }
  /** The input position under window element `k` at output position `o`; undefined in the padding. */
  position(o: number, k: number): number | undefined {
    const position = o * this.stride + k - this.before;
    return position >= 0 && position < this.length ? position : undefined;
  }
}

/** A layer whose outputs each look at one window of the input. */
class Windows {
  readonly y: Axis;
  readonly x: Axis;
  constructor(
    [height, width]: number[],
    window: readonly [number, number],
    strides: readonly [number, number],
    padding: Padding,
  ) {
    this.y = new Axis(height!, window[0], strides[0], padding);
    this.x = new Axis(width!, window[1], strides[1], padding);
  }

  /** Calls back with each output position, window element and the input position under it, row-major; not in padding. */
  forEach(n: number, visit: (output: number, element: number, input: number) => void): void {
    for (let image = 0; image < n; image++) {
      for (let oy = 0; oy < this.y.out; oy++) {
        for (let ox = 0; ox < this.x.out; ox++) {
          for (let ky = 0; ky < this.y.window; ky++) {
            for (let kx = 0; kx < this.x.window; kx++) {
              const iy = this.y.position(oy, ky);
              const ix = this.x.position(ox, kx);
              if (iy === undefined || ix === undefined) continue;
              visit(
                (image * this.y.out + oy) * this.x.out + ox,
                ky * this.x.window + kx,
                (image * this.y.length + iy) * this.x.length + ix,
              );
            }
          }
        }
      }
    }
  }
}

class Conv2D extends ActivatedLayer {
  private readonly windows: Windows;
  private readonly channels: number;
  constructor(
    inputShape: number[],
    private readonly spec: SpecOf<'Conv2D'>,
  ) {
    const windows = new Windows(inputShape, spec.kernelSize, spec.strides, spec.padding);
    super([windows.y.out, windows.x.out, spec.filters], spec.activation);
    this.windows = windows;
    this.channels = inputShape[2]!;
    this.weights.push(weight('kernel', product(spec.kernelSize) * this.channels * spec.filters));
    if (spec.useBias) this.weights.push(weight('bias', spec.filters));
  }

  protected linear(x: Float64Array, n: number): Float64Array {
    const { filters } = this.spec;
    const [kernel, bias] = this.weights;
    const z = new Float64Array(n * product(this.outputShape));
    if (bias) for (let i = 0; i < z.length; i++) z[i] = bias.values[i % filters]!;
    this.windows.forEach(n, (output, element, input) => {
      for (let c = 0; c < this.channels; c++) {
        const value = x[input * this.channels + c]!;
        const row = (element * this.channels + c) * filters;
        for (let f = 0; f < filters; f++) z[output * filters + f]! += value * kernel!.values[row + f]!;
      }
    });
    return z;
  }

  protected linearBackward(x: Float64Array, dz: Float64Array, n: number): Float64Array {
    const { filters } = this.spec;
    const [kernel, bias] = this.weights;
    const dx = new Float64Array(x.length);
    for (const { gradient } of this.weights) gradient.fill(0);
    if (bias) for (let i = 0; i < dz.length; i++) bias.gradient[i % filters]! += dz[i]!;
    this.windows.forEach(n, (output, element, input) => {
      for (let c = 0; c < this.channels; c++) {
        const value = x[input * this.channels + c]!;
        const row = (element * this.channels + c) * filters;
        let sum = 0;
        for (let f = 0; f < filters; f++) {
          const d = dz[output * filters + f]!;
          kernel!.gradient[row + f]! += value * d;
          sum += kernel!.values[row + f]! * d;
        }
        dx[input * this.channels + c]! += sum;
      }
    });
    return dx;
  }
}

class MaxPooling2D extends Layer {
  private readonly windows: Windows;
  private readonly channels: number;
  constructor(inputShape: number[], spec: SpecOf<'MaxPooling2D'>) {
    const windows = new Windows(inputShape, spec.poolSize, spec.strides, spec.padding);
    super([windows.y.out, windows.x.out, inputShape[2]!]);
    this.windows = windows;
    this.channels = inputShape[2]!;
  }

  forward(x: Float64Array, n: number): Float64Array {
    return this.winners(x, n).map((input) => x[input]!);
  }
  backward(x: Float64Array, _y: Float64Array, dy: Float64Array, n: number): Float64Array {
    const dx = new Float64Array(x.length);
    for (const [output, input] of this.winners(x, n).entries()) dx[input]! += dy[output]!;
    return dx;
  }
  override decisionGap(x: Float64Array, n: number): number {
    const winners = this.winners(x, n);
    let gap = Number.POSITIVE_INFINITY;
    this.windows.forEach(n, (output, _element, input) => {
      for (let c = 0; c < this.channels; c++) {
        const distance = x[winners[output * this.channels + c]!]! - x[input * this.channels + c]!;
        if (distance > 0) gap = Math.min(gap, distance);
      }
    });
    return gap;
  }

  /** Where each output's value is: the first largest of its window in row-major order. */
  private winners(x: Float64Array, n: number): Float64Array {
    const winners = new Float64Array(n * product(this.outputShape)).fill(-1);
    this.windows.forEach(n, (output, _element, input) => {
      for (let c = 0; c < this.channels; c++) {
        const o = output * this.channels + c;
        const i = input * this.channels + c;
        if (winners[o] === -1 || x[i]! > x[winners[o]!]!) winners[o] = i;
      }
    });
    return winners;
  }
}

class BatchNormalization extends Layer {
  private readonly channels: number;
  constructor(
    shape: number[],
    private readonly spec: SpecOf<'BatchNormalization'>,
  ) {
    super(shape);
    this.channels = shape.at(-1)!;
    this.weights.push(
      weight('gamma', this.channels),
      weight('beta', this.channels),
      weight('moving_mean', this.channels, false),
      weight('moving_variance', this.channels, false),
    );
  }

  forward(x: Float64Array, _n: number, training: boolean): Float64Array {
    const [gamma, beta, movingMean, movingVariance] = this.weights;
    const { mean, variance } = training
      ? this.moments(x)
      : { mean: movingMean!.values, variance: movingVariance!.values };
    return x.map((value, i) => {
      const c = i % this.channels;
      const normal = (value - mean[c]!) / Math.sqrt(variance[c]! + this.spec.epsilon);
      return gamma!.values[c]! * normal + beta!.values[c]!;
    });
  }

  backward(x: Float64Array, _y: Float64Array, dy: Float64Array): Float64Array {
    const [gamma, beta] = this.weights;
    const { mean, variance, count } = this.moments(x);
    const deviation = variance.map((value) => Math.sqrt(value + this.spec.epsilon));
    const normal = x.map((value, i) => (value - mean[i % this.channels]!) / deviation[i % this.channels]!);
    gamma!.gradient.fill(0);
    beta!.gradient.fill(0);
    for (let i = 0; i < dy.length; i++) {
      gamma!.gradient[i % this.channels]! += dy[i]! * normal[i]!;
      beta!.gradient[i % this.channels]! += dy[i]!;
    }
    return dy.map((value, i) => {
      const c = i % this.channels;
      const centred = value - beta!.gradient[c]! / count - (normal[i]! * gamma!.gradient[c]!) / count;
      return (gamma!.values[c]! / deviation[c]!) * centred;
    });
  }

  override updateStatistics(x: Float64Array): void {
    const [, , movingMean, movingVariance] = this.weights;
    const { mean, variance, count } = this.moments(x);
    // On images TensorFlow's fused kernel hands back the unbiased variance, guarded against a count of 1.
    const correction = this.outputShape.length === 3 ? count / Math.max(count - 1, 1) : 1;
    const { momentum } = this.spec;
    for (let c = 0; c < this.channels; c++) {
      movingMean!.values[c] = momentum * movingMean!.values[c]! + (1 - momentum) * mean[c]!;
      movingVariance!.values[c] =
        momentum * movingVariance!.values[c]! + (1 - momentum) * variance[c]! * correction;
    }
  }

  private moments(x: Float64Array): { mean: Float64Array; variance: Float64Array; count: number } {
    const count = x.length / this.channels;
    const mean = new Float64Array(this.channels);
    const variance = new Float64Array(this.channels);
    for (let i = 0; i < x.length; i++) mean[i % this.channels]! += x[i]! / count;
    for (let i = 0; i < x.length; i++) {
      variance[i % this.channels]! += (x[i]! - mean[i % this.channels]!) ** 2 / count;
    }
    return { mean, variance, count };
  }
}

/** @param inputShape without the batch: `[height, width, channels]` or `[units]` */
export function referenceLayer(spec: LayerSpec, inputShape: number[]): ReferenceLayer {
  switch (spec.type) {
    case 'Rescaling':
      return new Rescaling(inputShape, spec);
    case 'Conv2D':
      return new Conv2D(inputShape, spec);
    case 'MaxPooling2D':
      return new MaxPooling2D(inputShape, spec);
    case 'BatchNormalization':
      return new BatchNormalization(inputShape, spec);
    case 'Flatten':
      return new Identity([product(inputShape)], spec.type);
    case 'Dense':
      return new Dense(product(inputShape), spec);
    case 'Dropout':
      return new Identity(inputShape, spec.type);
    case 'Activation':
      return new Activation(inputShape, spec.activation);
  }
}
