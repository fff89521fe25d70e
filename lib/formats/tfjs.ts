import { packageVersion } from '../package.js';
import { type PythonValue, pythonJson } from '../python/json.js';
import { concatenateWeights, type DescribedModel } from './exportable-model.js';
import { modelConfig } from './keras-config.js';

/** What the file is called that `tf.loadLayersModel` is given; it names the other. */
export const TFJS_MODEL = 'model.json';

const WEIGHTS = 'group1-shard1of1.bin';

/** `generatedBy` in the files written here, before the version. */
const GENERATOR = 'convsweep';

/** The files, by name, of a TensorFlow.js layers model: Keras' architecture as JSON, and the weights' values. */
export function encodeTfjs({ name, architecture, weights }: DescribedModel): Map<string, Buffer> {
  const model: PythonValue = {
    format: 'layers-model',
    generatedBy: `${GENERATOR} ${packageVersion()}`,
    convertedBy: null,
    modelTopology: {
      keras_version: '2.8.0',
      backend: 'tensorflow',
      model_config: modelConfig(name, architecture),
    },
    weightsManifest: [
      { paths: [WEIGHTS], weights: weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })) },
    ],
  };
  return new Map([
    [TFJS_MODEL, Buffer.from(pythonJson(model))],
    [WEIGHTS, concatenateWeights(weights)],
  ]);
}

/** Whether a folder with the given `names` and text of `model.json` is one that {@link encodeTfjs} made. */
export function isTfjsExport(names: readonly string[], modelJson: string): boolean {
  if (!names.every((name) => name === TFJS_MODEL || name === WEIGHTS)) return false;
  try {
    return String(JSON.parse(modelJson).generatedBy).startsWith(GENERATOR);
  } catch {
    return false;
  }
}
