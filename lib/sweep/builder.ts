import { types } from 'node:util';
import type { Adam } from '../architecture/adam.js';
import { Blueprint } from '../architecture/blueprint.js';
import type { LayerSpec } from '../architecture/layers.js';
import { notebookLayers } from '../architecture/notebook-layers.js';
import type { Dataset } from '../data/dataset.js';
import { ConvsweepError, invalidArgument } from '../errors.js';
import { rejectUnknownOptions } from '../validate.js';
import type { Grid, GridPoint } from './grid.js';

/** What a builder may want to know besides the hyperparameters. */
export interface BuildContext {
  /** `[height, width, channels]` of the images. */
  inputShape: [number, number, number];
  classes: number;
}

/** The layers of a trial's model, alone or with options of its optimizer. */
export type BuiltModel = readonly LayerSpec[] | { layers: readonly LayerSpec[]; optimizer?: Partial<Adam> };

/**
 * Describes the model of a trial; the same arguments must give the same model. Seed, device and precision are the
 * sweep's affair. It is also called once for each combination before any training, to see that it can.
 */
export type Builder<G extends Grid = Grid> = (parameters: GridPoint<G>, context: BuildContext) => BuiltModel;

/** The builder of sweeps without one of their own: the notebook's model of the widths `neuron_counts`. */
export const buildNotebookModel: Builder = ({ neuron_counts: widths }, { classes }) =>
  notebookLayers(widths as readonly [number, number, number], classes);

/**
 * The model that `build` describes for images such as `data`'s.
 * @throws ConvsweepError `CALLBACK` for what the builder throws that is no ConvsweepError itself; `INVALID_ARGUMENT` for
 * what is no description of a model
 */
export function builtBlueprint(build: Builder, point: GridPoint, data: Dataset): Blueprint {
  const { imageShape: inputShape, classes } = data;
  const built = called(build, point, { inputShape: [...inputShape], classes });
  const expected =
    'a function that returns layers, or { layers, optimizer }; the sweep makes the model of them';
  if (Array.isArray(built)) return new Blueprint(built, { inputShape });
  // A model has layers, too, and a seed and a device of its own.
  if (typeof built !== 'object' || built === null || 'fit' in built)
    throw invalidArgument('build', expected, built);
  rejectUnknownOptions('what build returns', built, ['layers', 'optimizer']);
  const { layers, optimizer = {} } = built as { layers: readonly LayerSpec[]; optimizer?: Partial<Adam> };
  return new Blueprint(layers, { inputShape, optimizer });
}

function called(build: Builder, point: GridPoint, context: BuildContext): unknown {
  try {
    return build(point, context);
  } catch (cause) {
    if (cause instanceof ConvsweepError) throw cause;
    const reason = types.isNativeError(cause) ? cause.message : String(cause);
    throw new ConvsweepError('CALLBACK', `build threw: ${reason}`, { cause });
  }
}
