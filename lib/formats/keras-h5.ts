/** Whole Keras models in HDF5, as Keras 2.8's `model.save('model.h5')` writes them. */

import type { Adam } from '../architecture/adam.js';
import type { Architecture } from '../architecture/resolve-layers.js';
import type { NamedWeight } from '../architecture/weights.js';
import { writeWhole } from '../files.js';
import { pythonJson } from '../python/json.js';
import { type GroupReader, readHdf5 } from './hdf5-reader.js';
import { requireSeal, SEAL, seal, UNSEALED } from './hdf5-seal.js';
import { encodeHdf5, type Hdf5Dataset, type Hdf5Group } from './hdf5-writer.js';
import { invalid } from './invalid.js';
import { modelConfig, parseModelConfig, parseTrainingConfig, trainingConfig } from './keras-config.js';
import {
  freshOptimizer,
  type KerasModel,
  type KerasOptimizer,
  ORIGIN,
  readOrigins,
  requireFinite,
  requireIterations,
  validateKerasModel,
  writeOrigins,
} from './keras-model.js';
import { readModelFile } from './model-file.js';

/** The Keras whose files these are; readers look at its major version. */
const KERAS_VERSION = '2.8.0';

/**
 * Writes `model` to `path`, through a temporary name in the same folder: a file under the final name is whole.
 * @throws ConvsweepError `FILE` when the folder is missing or cannot be written to, `INVALID_ARGUMENT` or
 * `SHAPE_MISMATCH` when the weights are not those of the layers
 */
export async function writeKerasH5(path: string, model: KerasModel): Promise<void> {
  const architecture = validateKerasModel(model);
  await writeWhole(path, seal(encodeHdf5(content(architecture, model))));
}

/**
 * Reads a model that Keras 2, Keras 3 (`.h5`) or {@link writeKerasH5} saved.
 * @throws ConvsweepError `FILE` when there is no such file; `INVALID_MODEL`, naming the file and the cause, when it is
 * not HDF5, is damaged, holds no whole model, or a model of anything but the supported layers, loss and optimizer
 */
export function readKerasH5(path: string): Promise<KerasModel> {
  return readModelFile(path, (bytes) =>
    readHdf5(bytes, (root) => {
      const sealed = requireSeal(bytes);
      const model = readModel(root);
      // Numbers that training made of a diverging model are as good as others; those of damage are not.
      if (!sealed) requireFinite(model);
      return model;
    }),
  );
}

function content(architecture: Architecture, { name, weights, optimizer, origins }: KerasModel): Hdf5Group {
  const version = { keras_version: KERAS_VERSION, backend: 'tensorflow' };
  const values = new Map(weights.map((weight) => [weight.name, weight.data]));
  const layers = architecture.layers.map((layer): [string, Hdf5Group] => [
    layer.name,
    arrays(layer.weights.map(({ name, shape }) => ({ name: `${name}:0`, shape, data: values.get(name)! }))),
  ]);
  const root: Hdf5Group = {
    attributes: {
      ...version,
      model_config: pythonJson(modelConfig(name, architecture)),
      // What Keras does not know and ignores.
      [SEAL]: UNSEALED,
    },
    members: new Map([
      [
        'model_weights',
        {
          attributes: { ...version, layer_names: layers.map(([name]) => name) },
          members: new Map([...layers, ['top_level_model_weights', arrays([])]]),
        },
      ],
    ]),
  };
  if (origins) root.attributes[ORIGIN] = writeOrigins(origins);
  if (!optimizer) return root;
  const slots = (kind: 'm' | 'v') =>
    optimizer[kind].map(({ name, shape, data }) => ({ name: `Adam/${name}/${kind}:0`, shape, data }));
  const iterations = { name: 'Adam/iter:0', shape: [], data: BigInt64Array.of(BigInt(optimizer.iterations)) };
  root.attributes.training_config = pythonJson(trainingConfig(optimizer.adam));
  root.members.set('optimizer_weights', arrays([iterations, ...slots('m'), ...slots('v')]));
  return root;
}

/** Datasets whose names are paths, and the list of the names that gives their order. */
function arrays(list: readonly (Hdf5Dataset & { name: string })[]): Hdf5Group {
  const top: Hdf5Group = { attributes: { weight_names: list.map(({ name }) => name) }, members: new Map() };
  for (const { name, shape, data } of list) {
    const folders = name.split('/');
    const leaf = folders.pop()!;
    let { members } = top;
    for (const folder of folders) {
      const inner = (members.get(folder) ?? { attributes: {}, members: new Map() }) as Hdf5Group;
      members.set(folder, inner);
      members = inner.members;
    }
    members.set(leaf, { shape, data });
  }
  return top;
}

function readModel(file: GroupReader): KerasModel {
  const config = file.text('model_config');
  if (config === undefined) {
    const weightsOnly = file.has('layer_names') ? ' (it holds weights only; save with model.save)' : '';
    throw invalid(`it has no model_config${weightsOnly}`);
  }
  const { name, architecture } = parseModelConfig(config);
  const root = file.group('model_weights');
  if (!root) throw invalid('it has no model_weights');
  const weights = architecture.layers.flatMap((layer) => {
    if (layer.weights.length === 0) return [];
    const group = root.group(layer.name);
    if (!group) throw invalid(`it has no weights for layer ${layer.name}`);
    const paths = group.texts('weight_names');
    return layer.weights.map((weight) => {
      const path = paths.find((candidate) => variableOf(candidate) === weight.variable);
      if (path === undefined) throw invalid(`it has no weight ${weight.name}`);
      return group.weight(path, weight);
    });
  });
  const training = file.text('training_config');
  return {
    name,
    layers: architecture.layers.map((layer) => layer.spec),
    inputShape: architecture.inputShape,
    weights,
    optimizer:
      training === undefined ? undefined : readOptimizer(file, architecture, parseTrainingConfig(training)),
    origins: readOrigins(file.text(ORIGIN)),
  };
}

/**
 * The moments' names differ by version (`Adam/conv2d/kernel/m:0`, `Adam/m/conv2d/kernel:0`,
 * `adam/sequential_conv2d_kernel_momentum`), their order is that of the trainable weights in all of them.
 */
function readOptimizer(file: GroupReader, architecture: Architecture, adam: Adam): KerasOptimizer {
  const trainable = architecture.weights.filter((weight) => weight.trainable);
  const group = file.group('optimizer_weights');
  if (!group) return freshOptimizer(architecture, adam);
  const roles: Record<'iterations' | 'm' | 'v' | 'other', string[]> = {
    iterations: [],
    m: [],
    v: [],
    other: [],
  };
  for (const path of group.texts('weight_names')) roles[roleOf(path)].push(path);

  const counter = roles.iterations[0];
  const iterations = requireIterations(counter === undefined ? undefined : group.integer(counter));
  // Adam creates its moments at the first step.
  if (iterations === 0 && roles.m.length === 0) return freshOptimizer(architecture, adam);
  const moments = (role: 'm' | 'v'): NamedWeight[] => {
    const paths = roles[role];
    if (paths.length !== trainable.length) {
      throw invalid(`its optimizer state has ${paths.length} of ${trainable.length} moments ${role}`);
    }
    return trainable.map((weight, i) => group.weight(paths[i]!, weight));
  };
  return { adam, iterations, m: moments('m'), v: moments('v') };
}

function roleOf(path: string): 'iterations' | 'm' | 'v' | 'other' {
  const name = path.replace(/:\d+$/, '').toLowerCase();
  if (/(^|\/)iter(ations?)?$/.test(name)) return 'iterations';
  const moment = /(?:\/|_)(m|v|momentum|velocity)$/.exec(name)?.[1] ?? /^adam\/(m|v)\//.exec(name)?.[1];
  return moment === undefined ? 'other' : moment[0] === 'm' ? 'm' : 'v';
}

/** `kernel`, of `conv2d/kernel:0` or `sequential/conv2d/kernel`. */
function variableOf(path: string): string {
  return path.split('/').at(-1)!.replace(/:\d+$/, '');
}
