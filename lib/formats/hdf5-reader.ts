/** Reads HDF5 with libhdf5 (h5wasm), from memory. What it throws says what is wrong with "it", the file. */
import type { Dataset, File, Group } from 'h5wasm';
import { ConvsweepError } from '../errors.js';
import type { Weight } from '../model/architecture.js';
import type { NamedWeight } from '../model/weights.js';

let opened = 0;

/**
 * What `read` makes of an HDF5 file, which is open until `read` returns.
 * @throws ConvsweepError `INVALID_MODEL` when it is not HDF5 or damaged, or what `read` throws
 */
export async function readHdf5<T>(bytes: Uint8Array, read: (file: File) => T): Promise<T> {
  // Loaded at first use: the WebAssembly takes a tenth of a second to compile.
  const h5 = await import('h5wasm');
  const { FS, activate_throwing_error_handler } = await h5.ready;
  activate_throwing_error_handler();
  // A name in WebAssembly's own file system, which lives in memory.
  const name = `/${opened++}.h5`;
  FS.writeFile(name, bytes);
  try {
    const file = new h5.File(name, 'r');
    try {
      return read(file);
    } finally {
      file.close();
    }
  } catch (cause) {
    if (cause instanceof ConvsweepError) throw cause;
    throw new ConvsweepError('INVALID_MODEL', `it is not HDF5, or damaged (${hdf5Reason(cause)})`, { cause });
  } finally {
    FS.unlink(name);
  }
}

/**
 * The data set at `path` of `group`, as the values of `weight`.
 * @throws ConvsweepError `INVALID_MODEL` when it is missing, or of another type or shape
 */
export function readWeight(group: Group, path: string, { name, shape, size }: Weight): NamedWeight {
  const dataset = group.get(path);
  const where = `${group.path}/${path}`;
  if (!isDataset(dataset)) throw invalid(`it has no ${where}`);
  if (dataset.dtype !== '<f')
    throw invalid(`${where} is of type ${JSON.stringify(dataset.dtype)} instead of float32`);
  if (dataset.shape?.join() !== shape.join()) {
    throw invalid(`${where} has shape [${dataset.shape}] instead of [${shape}]`);
  }
  const data = dataset.value;
  if (!(data instanceof Float32Array) || data.length !== size) throw invalid(`${where} cannot be read`);
  return { name, shape: [...shape], data };
}

export function isGroup(entity: unknown): entity is Group {
  return (entity as Group | null)?.type === ('Group' as Group['type']);
}

export function isDataset(entity: unknown): entity is Dataset {
  return (entity as Dataset | null)?.type === ('Dataset' as Dataset['type']);
}

/** The error of a file that cannot be read as a model; `problem` says why. */
export function invalid(problem: string): ConvsweepError {
  return new ConvsweepError('INVALID_MODEL', problem);
}

/** The innermost reason in libhdf5's report, or the message itself. */
function hdf5Reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return [...message.matchAll(/in \w+\(\): (.+)$/gm)].at(-1)?.[1] ?? message;
}
