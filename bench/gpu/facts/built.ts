import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../../../lib/package.js';

const built = (name: string) => join(packageRoot(), 'build', 'facts', 'Release', name);

/** The CUDA addon: the one that the environment names, or that of the stage `build`. */
export const addon = process.env.CONVSWEEP_CUDA_ADDON || built('convsweep_cuda.node');
/** The same of convsweep_probe. */
export const probe = process.env.CONVSWEEP_PROBE || built('convsweep_probe');

/** @throws Error where the file is missing */
export function requireBuilt(file: string): string {
  if (!existsSync(file)) throw new Error(`${file} is missing; run the stage build first`);
  return file;
}

/** A script of this folder, to be run by Node with the CUDA addon. */
export function worker(name: string): { args: string[]; env: Record<string, string> } {
  const script = join(import.meta.dirname, 'workers', `${name}.js`);
  return { args: [script], env: { CONVSWEEP_CUDA_ADDON: requireBuilt(addon) } };
}
