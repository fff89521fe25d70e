import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageRoot } from './package.js';

/** Packages with the CUDA addon, which users install beside this one, the newest CUDA first. */
const CUDA_PACKAGES = ['@convsweep/cuda13', '@convsweep/cuda12'];

/**
 * The file of a backend's addon, or undefined if there is none for this machine: one that was built here, before one
 * that came prebuilt, for the CPU within this package and for CUDA as a package of its own.
 */
export function addonFile(backend: 'cpu' | 'cuda'): string | undefined {
  const name = `convsweep_${backend}.node`;
  const built = join(packageRoot(), 'build', 'Release', name);
  if (existsSync(built)) return built;
  if (backend === 'cuda')
    return CUDA_PACKAGES.map((scope) => resolved(`${scope}-${target()}/${name}`)).find(Boolean);
  const prebuilt = join(packageRoot(), 'prebuilds', target(), name);
  return existsSync(prebuilt) ? prebuilt : undefined;
}

/**
 * The command that builds the addons from source: of the repository, of the archive for hosts without a network, or of an
 * installed package.
 */
export function buildCommand(): string {
  if (existsSync(join(packageRoot(), 'tsconfig.json'))) return 'npm run build:native';
  return existsSync(join(packageRoot(), 'README-OFFLINE.md')) ? './gpu build' : 'npx convsweep build';
}

/** What addons are built for: `linux-x64`, `linuxmusl-x64`, `win32-x64`. */
function target(): string {
  return `${process.platform}${isMusl() ? 'musl' : ''}-${process.arch}`;
}

function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime === undefined;
}

function resolved(path: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(path);
  } catch {
    return undefined;
  }
}
