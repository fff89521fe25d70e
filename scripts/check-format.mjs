// clang-format over the C++ sources: checks, or with --write rewrites.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = ['native', 'test/native', 'bench/native', 'bench/gpu/probe'].flatMap((folder) => {
  try {
    return readdirSync(join(root, folder), { recursive: true }).map((file) => join(folder, file));
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
});
const files = sources.filter((file) => /\.(cc|h|cu|cuh)$/.test(file));
const mode = process.argv.includes('--write') ? ['-i'] : ['--dry-run', '--Werror'];
const { status, error } = spawnSync('clang-format', [...mode, ...files], { cwd: root, stdio: 'inherit' });
if (error) {
  console.error('clang-format is missing. On Debian or Ubuntu: sudo apt-get install -y clang-format');
  process.exit(1);
}
process.exit(status ?? 1);
