import { notebookLayers } from '../architecture/notebook-layers.js';
import type { OptionTable } from '../option-table.js';
import { rejectUnknownOptions } from '../validate.js';
import { type Model, type ModelOptions, sequential } from './model.js';

/** Options of {@link notebookModel}. */
export interface NotebookModelOptions
  extends Pick<ModelOptions, 'seed' | 'device' | 'precision' | 'threads' | 'inputShape'> {
  /** Units of the final softmax. Default 10. */
  classes?: number;
  /** Of Adam. Default 0.001. */
  learningRate?: number;
}

/** Checked where they are used: by {@link notebookLayers} and {@link sequential}. */
const OPTIONS = {
  seed: {},
  device: {},
  precision: {},
  threads: {},
  inputShape: {},
  classes: {},
  learningRate: {},
} as const satisfies OptionTable<NotebookModelOptions>;

/**
 * The compiled model of {@link notebookLayers}.
 * @throws ConvsweepError `INVALID_ARGUMENT`, `DEVICE_UNAVAILABLE`
 */
export function notebookModel(
  widths: readonly [number, number, number],
  options: NotebookModelOptions = {},
): Model {
  rejectUnknownOptions('notebookModel', options, Object.keys(OPTIONS));
  const { classes, learningRate, ...rest } = options;
  const optimizer = learningRate === undefined ? {} : { learningRate };
  return sequential(notebookLayers(widths, classes), { ...rest, optimizer });
}
