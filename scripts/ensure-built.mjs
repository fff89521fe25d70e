// Compiles what is missing or out of date, so that `npm run sweep` and `npm test` work straight after `npm ci`.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

// A published package comes compiled and without its sources' compiler.
if (existsSync(join(root, 'tsconfig.json'))) {
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  run(join(typescript, '..', 'bin', 'tsc'), '-p', 'tsconfig.json');
  run(join(root, 'scripts', 'make-digits.mjs'));
}
run(join(root, 'scripts', 'build-native.mjs'), '--if-missing');
