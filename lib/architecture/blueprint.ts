import { Dataset } from '../data/dataset.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { type OptionTable, resolveOptions } from '../option-table.js';
import { type Adam, resolveAdam } from './adam.js';
import { validateName } from './layers/layer.js';
import type { LayerSpec } from './layers.js';
import {
  type Architecture,
  type NamedLayerSpec,
  type ParameterCounts,
  requireClassifier,
  resolveLayers,
} from './resolve-layers.js';
import { summary } from './summary.js';

/** Options of {@link Blueprint}. */
export interface BlueprintOptions {
  /** Default `sequential`. */
  name?: string;
  /** `[height, width, channels]` of the images. Default `[28, 28, 1]`. */
  inputShape?: readonly [number, number, number];
  optimizer?: Partial<Adam>;
}

export const BLUEPRINT_OPTIONS = {
  name: { default: 'sequential', check: validateName },
  inputShape: { default: [28, 28, 1] },
  optimizer: { default: {} },
} as const satisfies OptionTable<BlueprintOptions>;

/** A compiled sequential model without an engine: all that is known of it before it has weights. */
export class Blueprint {
  readonly name: string;
  readonly optimizer: Readonly<Adam>;
  /** Shapes and weights of the layers. */
  readonly architecture: Architecture;

  /**
   * @param layers the last of which is a softmax over the classes
   * @throws ConvsweepError `INVALID_ARGUMENT` naming the option or layer
   */
  constructor(layers: readonly LayerSpec[], options: BlueprintOptions = {}) {
    const { name, inputShape, optimizer } = resolveOptions('sequential', options, BLUEPRINT_OPTIONS);
    this.name = name;
    this.optimizer = resolveAdam(optimizer);
    this.architecture = resolveLayers(layers, inputShape);
    requireClassifier(this.architecture);
  }

  /** The layers' configurations, each with its name. */
  get layers(): NamedLayerSpec[] {
    return this.architecture.layers.map((layer) => structuredClone(layer.spec));
  }

  /** `[height, width, channels]` */
  get inputShape(): [number, number, number] {
    return [...this.architecture.inputShape];
  }

  /** The number of classes. */
  get classes(): number {
    return this.architecture.outputShape[0]!;
  }

  get parameters(): ParameterCounts {
    return { ...this.architecture.parameters };
  }

  /** The text that Keras 2.8 prints, ended by a newline. */
  summary(): string {
    return summary(this.name, this.architecture);
  }

  /**
   * Throws unless the model can be trained on and evaluated on `data`.
   * @param argument what to call `data` in the error
   * @throws ConvsweepError `INVALID_ARGUMENT`, `SHAPE_MISMATCH`
   */
  requireFitting(argument: string, data: Dataset): void {
    if (!(data instanceof Dataset)) throw invalidArgument(argument, 'a Dataset', data);
    if (data.size === 0) {
      throw new ConvsweepError(
        'INVALID_ARGUMENT',
        `${data.name} (${argument}) has no images; give at least one`,
      );
    }
    if (data.imageShape.join() !== this.architecture.inputShape.join()) {
      throw new ConvsweepError(
        'SHAPE_MISMATCH',
        `Expected images of ${this.inputShape.join(' x ')} (the model's input) for ${argument} but received ${data.imageShape.join(' x ')} (${data.name})`,
      );
    }
    if (data.classes > this.classes) {
      throw new ConvsweepError(
        'SHAPE_MISMATCH',
        `Expected at most ${this.classes} classes (the model's outputs) for ${argument} but received ${data.classes} (${data.name})`,
      );
    }
  }
}
