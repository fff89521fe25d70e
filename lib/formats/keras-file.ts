/** Keras' model files of either kind, told apart by their names: a zip (`.keras`), or HDF5 (all others). */
import { extname } from 'node:path';
import { invalidArgument } from '../errors.js';
import { readKerasH5, writeKerasH5 } from './keras-h5.js';
import type { KerasModel } from './keras-model.js';
import { readKerasV3, writeKerasV3 } from './keras-v3.js';

/** @throws ConvsweepError as {@link readKerasH5} and {@link readKerasV3} */
export function readKerasFile(path: string): Promise<KerasModel> {
  return extname(path) === '.keras' ? readKerasV3(path) : readKerasH5(path);
}

/**
 * @param path ends in `.h5`, `.hdf5` or `.keras`, which Keras requires
 * @throws ConvsweepError `INVALID_ARGUMENT` for another ending; as {@link writeKerasH5} and {@link writeKerasV3}
 */
export async function writeKerasFile(path: string, model: KerasModel): Promise<void> {
  const ending = extname(path);
  if (!['.h5', '.hdf5', '.keras'].includes(ending)) {
    throw invalidArgument('path', 'a name ending in .h5, .hdf5 or .keras', path);
  }
  await (ending === '.keras' ? writeKerasV3(path, model) : writeKerasH5(path, model));
}
