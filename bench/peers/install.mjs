// Installs what the benchmark compares with: Keras/TensorFlow and PyTorch into bench/.venv (some gigabytes),
// TensorFlow.js with its wasm backend into bench/peers/node_modules. The package itself needs none of it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const peers = fileURLToPath(new URL('.', import.meta.url));
const venv = fileURLToPath(new URL('../.venv', import.meta.url));
const windows = process.platform === 'win32';
const python = `${venv}/${windows ? 'Scripts/python.exe' : 'bin/python'}`;

function run(command, ...args) {
  console.log(`> ${command} ${args.join(' ')}`);
  const { status, error } = spawnSync(command, args, { cwd: peers, stdio: 'inherit', shell: windows });
  if (status === 0) return;
  console.error(`convsweep: ${error?.message ?? `${command} ended with status ${status}`}`);
  process.exit(1);
}

if (!existsSync(python)) run(windows ? 'python' : 'python3', '-m', 'venv', venv);
run(python, '-m', 'pip', 'install', '-r', 'requirements.txt');
run('npm', 'install', '--no-package-lock', '--no-audit', '--no-fund');
