import { types } from 'node:util';
import { ConvsweepError, invalidArgument } from '../errors.js';
import type { NativeState } from '../native/contract.js';
import type { Architecture, Weight } from './resolve-layers.js';

/** A weight's values. */
export interface NamedWeight {
  /** `<layer>/<variable>`, e.g. `conv2d/kernel`. */
  name: string;
  /** Keras' layout: convolution kernels `[height, width, in, out]`, dense kernels `[in, out]`. */
  shape: number[];
  /** Row-major. */
  data: Float32Array;
}

/** Copies of the weights out of the engine's flat arrays, in Keras' order. */
export function unpackWeights(
  architecture: Architecture,
  state: Pick<NativeState, 'parameters' | 'statistics'>,
): NamedWeight[] {
  return architecture.weights.map((weight) =>
    named(weight, weight.trainable ? state.parameters : state.statistics),
  );
}

/** Copies of what is laid out as the trainable weights are: gradients, Adam's moments. */
export function unpackTrainable(architecture: Architecture, parameters: Float32Array): NamedWeight[] {
  return architecture.weights.filter((weight) => weight.trainable).map((weight) => named(weight, parameters));
}

/** The engine's flat arrays of values given in the architecture's order. */
export function packWeights(
  architecture: Architecture,
  values: readonly Float32Array[],
): { parameters: Float32Array; statistics: Float32Array } {
  const { trainable, nonTrainable } = architecture.parameters;
  const packed = { parameters: new Float32Array(trainable), statistics: new Float32Array(nonTrainable) };
  for (const [i, weight] of architecture.weights.entries()) {
    (weight.trainable ? packed.parameters : packed.statistics).set(values[i]!, weight.offset);
  }
  return packed;
}

/** The engine's flat array of values of the trainable weights only, in the architecture's order. */
export function packTrainable(architecture: Architecture, values: readonly Float32Array[]): Float32Array {
  const packed = new Float32Array(architecture.parameters.trainable);
  for (const [i, weight] of architecture.weights.filter(({ trainable }) => trainable).entries()) {
    packed.set(values[i]!, weight.offset);
  }
  return packed;
}

/**
 * Throws unless `given` has exactly the weights of `expected`, in that order.
 * @throws ConvsweepError `INVALID_ARGUMENT` for the wrong kind or names, `SHAPE_MISMATCH` for another shape
 */
export function validateWeights(
  argument: string,
  given: unknown,
  expected: readonly Weight[],
): asserts given is NamedWeight[] {
  if (!Array.isArray(given)) {
    throw invalidArgument(argument, `an array of ${expected.length} weights { name, shape, data }`, given);
  }
  if (given.length !== expected.length) {
    throw new ConvsweepError(
      'INVALID_ARGUMENT',
      `Expected ${expected.length} weights { name, shape, data } for ${argument} but received ${given.length}`,
    );
  }
  for (const [i, weight] of expected.entries()) {
    const { name, shape, data } = (given[i] ?? {}) as Partial<NamedWeight>;
    if (name !== weight.name)
      throw invalidArgument(`${argument}[${i}].name`, JSON.stringify(weight.name), name);
    if (!types.isFloat32Array(data)) throw invalidArgument(`${argument}[${i}].data`, 'a Float32Array', data);
    if (shape?.join() !== weight.shape.join() || data.length !== weight.size) {
      throw new ConvsweepError(
        'SHAPE_MISMATCH',
        `Expected shape [${weight.shape}] (${weight.size} values) for ${name} but received [${shape}] (${data.length} values)`,
      );
    }
  }
}

function named({ name, shape, offset, size }: Weight, values: Float32Array): NamedWeight {
  return { name, shape: [...shape], data: values.slice(offset, offset + size) };
}
