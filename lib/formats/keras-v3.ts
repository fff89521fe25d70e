/**
 * Whole Keras models in Keras 3's own format, `.keras`: a zip of `config.json`, `metadata.json` and
 * `model.weights.h5`, whose layers are numbered per class (`layers/dense_1` is the second Dense, whatever its name).
 */
import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate';
import type { File, Group } from 'h5wasm';
import { writeWhole } from '../files.js';
import type { Adam } from '../model/adam.js';
import { type Architecture, SNAKE_CASE } from '../model/architecture.js';
import type { NamedWeight } from '../model/weights.js';
import { invalid, isDataset, isGroup, readHdf5, readWeight } from './hdf5-reader.js';
import { encodeHdf5, type Hdf5Dataset, type Hdf5Group } from './hdf5-writer.js';
import { kerasV3Config, parseCompileConfig, parseModelConfig } from './keras-config.js';
import {
  freshOptimizer,
  type KerasModel,
  type KerasOptimizer,
  ORIGIN,
  readOrigins,
  validateKerasModel,
  writeOrigins,
} from './keras-model.js';
import { readModelFile } from './model-file.js';
import { pythonJson } from './python-json.js';

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
  return readModelFile(path, async (bytes) => {
    const files = unzip(bytes);
    const config = strFromU8(files[CONFIG]);
    const { name, architecture } = parseModelConfig(config);
    const adam = parseCompileConfig(config);
    return readHdf5(files[WEIGHTS], (file) => ({
      name,
      layers: architecture.layers.map((layer) => layer.spec),
      inputShape: architecture.inputShape,
      weights: readWeights(file, architecture),
      optimizer: adam && readOptimizer(file, architecture, adam),
      origins: readOrigins(originText(files[METADATA])),
    }));
  });
}

type Content = Record<typeof CONFIG | typeof WEIGHTS, Uint8Array> &
  Partial<Record<typeof METADATA, Uint8Array>>;

function unzip(bytes: Uint8Array): Content {
  let files: Partial<Content>;
  try {
    files = unzipSync(bytes, { filter: ({ name }) => [METADATA, CONFIG, WEIGHTS].includes(name) });
  } catch (cause) {
    throw invalid(`it is not a zip file, or damaged (${(cause as Error).message})`);
  }
  for (const name of [CONFIG, WEIGHTS] as const) {
    if (files[name] === undefined) throw invalid(`it is a zip file without ${name}`);
  }
  return files as Content;
}

/** Of metadata that are there and are JSON; Keras reads none of them. */
function originText(metadata: Uint8Array | undefined): string | undefined {
  try {
    const text: unknown = JSON.parse(strFromU8(metadata ?? new Uint8Array()))[ORIGIN];
    return typeof text === 'string' ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The layers with their names in `model.weights.h5`: Keras' `_get_unique_name` of the snake-case class name. */
function numberedLayers({ layers }: Architecture) {
  const counts = new Map<string, number>();
  return layers.map((layer) => {
    const base = SNAKE_CASE[layer.spec.type];
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

function readWeights(file: File, architecture: Architecture): NamedWeight[] {
  return numberedLayers(architecture).flatMap((layer) => {
    if (layer.weights.length === 0) return [];
    const variables = groupAt(file, layer.path);
    if (!variables) throw invalid(`it has no ${layer.path} in ${WEIGHTS}, for layer ${layer.name}`);
    requireCount(variables, layer.weights.length);
    return layer.weights.map((weight, i) => readWeight(variables, String(i), weight));
  });
}

/** The step count, the learning rate (also in the configuration), and each weight's two moments. */
function readOptimizer(file: File, architecture: Architecture, adam: Adam): KerasOptimizer {
  const variables = groupAt(file, 'optimizer/vars');
  if (!variables || variables.keys().length === 0) return freshOptimizer(architecture, adam);
  const trainable = architecture.weights.filter((weight) => weight.trainable);
  requireCount(variables, 2 + 2 * trainable.length);
  const counter = variables.get('0');
  const iterations = isDataset(counter) ? Number(counter.value) : Number.NaN;
  if (!Number.isSafeInteger(iterations) || iterations < 0)
    throw invalid('its optimizer state has no step count');
  const moments = (first: number) =>
    trainable.map((weight, i) => readWeight(variables, String(first + 2 * i), weight));
  return { adam, iterations, m: moments(2), v: moments(3) };
}

function groupAt(file: File, path: string): Group | undefined {
  let found: unknown = file;
  for (const name of path.split('/')) {
    if (!isGroup(found) || !found.keys().includes(name)) return undefined;
    found = found.get(name);
  }
  return isGroup(found) ? found : undefined;
}

function requireCount(variables: Group, expected: number): void {
  const { length } = variables.keys();
  if (length !== expected) throw invalid(`${variables.path} has ${length} of ${expected} variables`);
}
