import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolveDevice } from '../lib/native/devices.js';
import { packageRoot } from '../lib/package.js';
import type { WorkerCommand } from './worker.js';

/** One way of doing the job that is measured. */
export interface Setting {
  product: 'convsweep' | 'Keras' | 'PyTorch' | 'TensorFlow.js';
  name: string;
  /** Of this package: the instruction set. */
  instructionSet?: string;
  /** The processes that work at the same time. Settings with equal ones share a process. */
  workers: WorkerCommand[];
  /** That each process trains at the same time. */
  modelsPerWorker: number;
  /** How many cores it keeps busy. */
  cores: 1 | 2;
  /**
   * `each round` for what is compared; `once` for settings that are listed to show that they were tried.
   */
  measured: 'each round' | 'once';
  /** Whether it also trains whole trials. */
  trial: boolean;
  /** What the reader of its numbers must know. */
  note?: string;
}

const here = join(packageRoot(), 'dist', 'bench');
const sources = join(packageRoot(), 'bench');
export const python = join(
  sources,
  '.venv',
  ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']),
);

/** @param name of a file in `bench/peers` */
export function peerScript(name: string): string {
  return join(sources, 'peers', name);
}

/** This package with every instruction set that the machine has, best first. */
export function ourSettings(): Setting[] {
  const { instructionSets = [] } = resolveDevice('cpu').addon.buildInfo();
  return instructionSets.flatMap((instructionSet) => {
    const worker: WorkerCommand = {
      command: process.execPath,
      args: [join(here, 'ours.js')],
      env: { CONVSWEEP_ISA: instructionSet },
    };
    return ([1, 2] as const).map((trials) => ({
      product: 'convsweep' as const,
      name: `${instructionSet}, ${trials === 1 ? 'one trial' : 'two trials at a time'}`,
      instructionSet,
      workers: [worker],
      modelsPerWorker: trials,
      cores: trials,
      measured: 'each round' as const,
      trial: true,
    }));
  });
}

/** The peers in all settings; those that are not installed fail when they are started. */
export function peerSettings(jobFolder: string): Setting[] {
  const run = (script: string, ...args: string[]): WorkerCommand => ({
    command: python,
    args: [peerScript(script), '--job', jobFolder, ...args],
  });
  const pinned = (script: string, ...args: string[]) => ({
    alone: [run(script, '--core', '0', ...args)],
    both: ['0', '1'].map((core) => run(script, '--core', core, ...args)),
  });
  const keras = pinned('keras_epoch.py');
  const torch = pinned('torch_epoch.py');
  const common = { modelsPerWorker: 1, measured: 'each round', trial: false } as const;
  return [
    { ...common, product: 'Keras', name: 'one thread', workers: keras.alone, cores: 1, trial: true },
    {
      ...common,
      product: 'Keras',
      name: 'two pinned processes of one thread',
      workers: keras.both,
      cores: 2,
      trial: true,
    },
    {
      ...common,
      product: 'Keras',
      name: 'two pinned processes of one thread, steps_per_execution 11',
      workers: pinned('keras_epoch.py', '--fewer-calls').both,
      cores: 2,
    },
    {
      ...common,
      product: 'Keras',
      name: 'one process of two threads',
      workers: [run('keras_epoch.py', '--threads', '2')],
      cores: 2,
    },
    {
      ...common,
      product: 'Keras',
      name: 'one thread, jit_compile (XLA)',
      workers: pinned('keras_epoch.py', '--xla').alone,
      cores: 1,
      measured: 'once',
    },
    { ...common, product: 'PyTorch', name: 'eager, one thread', workers: torch.alone, cores: 1, trial: true },
    {
      ...common,
      product: 'PyTorch',
      name: 'eager, two pinned processes of one thread',
      workers: torch.both,
      cores: 2,
      trial: true,
    },
    {
      ...common,
      product: 'PyTorch',
      name: 'eager training, compiled inference, two pinned processes of one thread',
      workers: pinned('torch_epoch.py', '--compile-inference').both,
      cores: 2,
    },
    {
      ...common,
      product: 'PyTorch',
      name: 'eager, one process of two threads',
      workers: [run('torch_epoch.py', '--threads', '2')],
      cores: 2,
    },
    {
      ...common,
      product: 'PyTorch',
      name: 'eager, one thread, NCHW',
      workers: pinned('torch_epoch.py', '--nchw').alone,
      cores: 1,
      measured: 'once',
    },
    {
      ...common,
      product: 'PyTorch',
      name: 'torch.compile for all, one thread',
      workers: pinned('torch_epoch.py', '--compile').alone,
      cores: 1,
      measured: 'once',
      note: 'torch.compile: some batches, extrapolated.',
    },
    {
      ...common,
      product: 'TensorFlow.js',
      name: 'wasm, one thread',
      workers: [{ command: process.execPath, args: [peerScript('tfjs_wasm.mjs'), jobFolder] }],
      cores: 1,
      measured: 'once',
      note: 'Some steps, extrapolated. As published the wasm backend cannot train a convolution; the benchmark adds the missing kernel. In Node it has one thread.',
    },
  ];
}

/** What keeps a product from being measured, or undefined. */
export function missing(product: Setting['product']): string | undefined {
  const installed = {
    convsweep: join(here, 'ours.js'),
    Keras: python,
    PyTorch: python,
    'TensorFlow.js': join(sources, 'peers', 'node_modules', '@tensorflow', 'tfjs-backend-wasm'),
  };
  return existsSync(installed[product]) ? undefined : 'not installed; run: npm run bench:setup';
}
