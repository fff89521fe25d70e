/**
 * Whole Keras models in Keras 3's own format, `.keras`: a zip of `config.json`, `metadata.json` and
 * `model.weights.h5`, whose layers are numbered per class (`layers/dense_1` is the second Dense, whatever its name).
 */
import type { Adam } from '../architecture/adam.js';
import { LAYER_KINDS } from '../architecture/layers.js';
import type { Architecture } from '../architecture/resolve-layers.js';
import type { NamedWeight } from '../architecture/weights.js';
import { writeWhole } from '../files.js';
import { pythonJson } from '../python/json.js';
import { type GroupReader, readHdf5 } from './hdf5-reader.js';
import { encodeHdf5, type Hdf5Dataset, type Hdf5Group } from './hdf5-writer.js';
import { invalid } from './invalid.js';
import { kerasV3Config, parseCompileConfig, parseModelConfig } from './keras-config.js';
import {
  freshOptimizer,
  type KerasModel,
  type KerasOptimizer,
  ORIGIN,
  readOrigins,
  requireIterations,
  validateKerasModel,
  writeOrigins,
} from './keras-model.js';
import { readModelFile } from './model-file.js';
import { ZipFile } from './zip-reader.js';

const METADATA = 'metadata.json';
const CONFIG = 'config.json';
const WEIGHTS = 'model.weights.h5';

/** Of the format, for information; Keras also notes the date, which it does not read. */
const KERAS_VERSION = '3.0.0';

/** The first moment that a zip file can tell: the bytes depend on nothing but the model. */
const NO_TIME = new Date(1980, 0, 1);

/**
 * Writes `model` to `path`, through a temporary name in the same folder. Keras 3 and tf_keras both open the file;
 * Keras 3 goes on training where the model was, tf_keras starts a fresh Adam.
 * @throws ConvsweepError `FILE` when the folder is missing or cannot be written to, `INVALID_ARGUMENT` or
 * `SHAPE_MISMATCH` when the weights are not those of the layers
 */
export async function writeKerasV3(path: string, model: KerasModel): Promise<void> {
  const { strToU8, zipSync } = await import('fflate');
  const architecture = validateKerasModel(model);
  const config = kerasV3Config(model.name, architecture, model.optimizer?.adam);
  const files = {
    [METADATA]: strToU8(
      pythonJson({
        keras_version: KERAS_VERSION,
        ...(model.origins && { [ORIGIN]: writeOrigins(model.origins) }),
      }),
    ),
    [CONFIG]: strToU8(pythonJson(config)),
    [WEIGHTS]: encodeHdf5(content(architecture, model)),
  };
  await writeWhole(path, zipSync(files, { level: 0, mtime: NO_TIME }));
}

/**
 * Reads a model that Keras 3 (`.keras`) or {@link writeKerasV3} saved.
 * @throws ConvsweepError `FILE` when there is no such file; `INVALID_MODEL`, naming the file and the cause, when it is
 * no zip of a Keras model, is damaged, or holds a model of anything but the supported layers, loss and optimizer
 */
export function readKerasV3(path: string): Promise<KerasModel> {
  return readModelFile(path, (bytes) => {
    const zip = new ZipFile(bytes);
    const config = zip.read(CONFIG, MAX_CONFIG).toString();
    const { name, architecture } = parseModelConfig(config);
    const adam = parseCompileConfig(config);
    return readHdf5(zip.read(WEIGHTS, largestWeights(architecture)), (root) => ({
      name,
      layers: architecture.layers.map((layer) => layer.spec),
      inputShape: architecture.inputShape,
      weights: readWeights(root, architecture),
      optimizer: adam && readOptimizer(root, architecture, adam),
      origins: readOrigins(originText(zip)),
    }));
  });
}

/** More than any configuration has. */
const MAX_CONFIG = 16 * 1024 ** 2;
/** As much as can be read of a file that is not compressed. */
const MAX_WEIGHTS = 2 ** 31;

/** What a file of the weights and their moments has at most, with twice the room and more for the rest. */
function largestWeights({ parameters, weights }: Architecture): number {
  const values = 4 * (parameters.total + 2 * parameters.trainable);
  return Math.min(2 * values + 64 * 1024 * weights.length + 1024 ** 2, MAX_WEIGHTS);
}

/** Of metadata that are there and are JSON; Keras reads none of them. */
function originText(zip: ZipFile): string | undefined {
  if (!zip.has(METADATA)) return undefined;
  const metadata = zip.read(METADATA, MAX_CONFIG).toString();
  try {
    const text: unknown = JSON.parse(metadata)[ORIGIN];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The layers with their names in `model.weights.h5`: Keras' `_get_unique_name` of the snake-case class name. */
function numberedLayers({ layers }: Architecture) {
  const counts = new Map<string, number>();
  return layers.map((layer) => {
    const base = LAYER_KINDS[layer.spec.type].snakeCase;
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return { ...layer, path: `layers/${count === 0 ? base : `${base}_${count}`}/vars` };
  });
}

function content(architecture: Architecture, { name, weights, optimizer }: KerasModel): Hdf5Group {
  const root = group();
  const values = new Map(weights.map((weight) => [weight.name, weight.data]));
  for (const layer of numberedLayers(architecture)) {
    const arrays = layer.weights.map((weight) => ({ shape: weight.shape, data: values.get(weight.name)! }));
    addVariables(root, layer.path, layer.name, arrays);
  }
  addVariables(root, 'vars', name, []);
  if (!optimizer) return root;
  addVariables(root, 'optimizer/vars', 'adam', [
    { shape: [], data: BigInt64Array.of(BigInt(optimizer.iterations)) },
    { shape: [], data: Float32Array.of(optimizer.adam.learningRate) },
    ...optimizer.m.flatMap((m, i) => [m, optimizer.v[i]!]),
  ]);
  return root;
}

function group(attributes: Hdf5Group['attributes'] = {}): Hdf5Group {
  return { attributes, members: new Map() };
}

/** A group at `path` below `root` with data sets `0`, `1`, ... */
function addVariables(root: Hdf5Group, path: string, name: string, arrays: readonly Hdf5Dataset[]): void {
  const folders = path.split('/');
  const leaf = folders.pop()!;
  let { members } = root;
  for (const folder of folders) {
    const inner = (members.get(folder) ?? group()) as Hdf5Group;
    members.set(folder, inner);
    members = inner.members;
  }
  const variables = group({ name });
  for (const [i, { shape, data }] of arrays.entries()) variables.members.set(String(i), { shape, data });
  members.set(leaf, variables);
}

function readWeights(file: GroupReader, architecture: Architecture): NamedWeight[] {
  return numberedLayers(architecture).flatMap((layer) => {
    if (layer.weights.length === 0) return [];
    const variables = file.group(layer.path);
    if (!variables) throw invalid(`it has no ${layer.path} in ${WEIGHTS}, for layer ${layer.name}`);
    requireCount(variables, layer.weights.length);
    return layer.weights.map((weight, i) => variables.weight(String(i), weight));
  });
}

/** The step count, the learning rate (also in the configuration), and each weight's two moments. */
function readOptimizer(file: GroupReader, architecture: Architecture, adam: Adam): KerasOptimizer {
  const variables = file.group('optimizer/vars');
  if (!variables || variables.keys.length === 0) return freshOptimizer(architecture, adam);
  const trainable = architecture.weights.filter((weight) => weight.trainable);
  requireCount(variables, 2 + 2 * trainable.length);
  const iterations = requireIterations(variables.integer('0'));
  const moments = (first: number) =>
    trainable.map((weight, i) => variables.weight(String(first + 2 * i), weight));
  return { adam, iterations, m: moments(2), v: moments(3) };
}

function requireCount(variables: GroupReader, expected: number): void {
  const { length } = variables.keys;
  if (length !== expected) throw invalid(`${variables.path} has ${length} of ${expected} variables`);
}
