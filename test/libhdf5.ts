import type { File } from 'h5wasm/node';

/** What `read` makes of an HDF5 file, through HDF5's own library (h5wasm): a judge of what is written and read here. */
export async function readWithLibhdf5<T>(bytes: Uint8Array, read: (file: File) => T): Promise<T> {
  const h5 = await import('h5wasm/node');
  const { FS } = await h5.ready;
  const name = `memory-${process.pid}.h5`;
  FS.writeFile(name, bytes);
  const file = new h5.File(name, 'r');
  try {
    return read(file);
  } finally {
    file.close();
    FS.unlink(name);
  }
}
