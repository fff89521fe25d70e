import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../lib/package.js';
import { peerScript, python } from '../settings.js';
import type { WorkerCommand } from '../worker.js';
import type { Network } from './networks.js';

/** One product in one of the ways to set it up that may be its fastest. */
export interface Setting {
  product: 'convsweep' | 'Keras' | 'PyTorch';
  name: string;
  worker: WorkerCommand;
}

/** What keeps each peer to the instruction set that the environment variable CONVSWEEP_ISA names for this package. */
const LIMITS: Record<string, Record<string, string>> = {
  avx512: {},
  avx2: {
    ONEDNN_MAX_CPU_ISA: 'AVX2',
    ATEN_CPU_CAPABILITY: 'avx2',
    MKL_ENABLE_INSTRUCTIONS: 'AVX2',
    XLA_FLAGS: '--xla_cpu_max_isa=AVX2',
  },
  baseline: {
    ONEDNN_MAX_CPU_ISA: 'SSE41',
    ATEN_CPU_CAPABILITY: 'default',
    MKL_ENABLE_INSTRUCTIONS: 'SSE4_2',
    XLA_FLAGS: '--xla_cpu_max_isa=SSE4_2',
  },
};

export const INSTRUCTION_SETS = Object.keys(LIMITS);

/** @param cores one, the machine's last, or all */
export function ours(networks: readonly Network[], cores: 'one' | 'all', isa?: string): Setting {
  const script = join(packageRoot(), 'dist', 'bench', 'suite', 'ours.js');
  const command = [process.execPath, script, JSON.stringify(networks)];
  return {
    product: 'convsweep',
    name: isa ?? 'default',
    worker: pinned(command, cores, isa === undefined ? {} : { CONVSWEEP_ISA: isa }),
  };
}

/** @param job the folder of what `writeJob` wrote */
export function peers(job: string, cores: 'one' | 'all', isa = 'avx512'): Setting[] {
  const threads = String(cores === 'one' ? 1 : availableParallelism());
  const peer = (product: Setting['product'], name: string, script: string, flags: string[], env = {}) => {
    const command = [python, peerScript(script), '--job', job, '--threads', threads, ...flags];
    return { product, name, worker: pinned(command, cores, { ...LIMITS[isa], ...env }) };
  };
  return [
    peer('Keras', 'oneDNN', 'suite_keras.py', []),
    peer('Keras', 'Eigen', 'suite_keras.py', [], { TF_ENABLE_ONEDNN_OPTS: '0' }),
    peer('Keras', 'XLA', 'suite_keras.py', ['--xla']),
    peer('PyTorch', 'NHWC', 'suite_torch.py', []),
    peer('PyTorch', 'NCHW', 'suite_torch.py', ['--nchw']),
    // Limited in this way what torch.compile makes of convolutions fails.
    ...(isa === 'avx512' ? [peer('PyTorch', 'compiled', 'suite_torch.py', ['--compile'])] : []),
  ];
}

function pinned(command: string[], cores: 'one' | 'all', env: Record<string, string>): WorkerCommand {
  const core = String(availableParallelism() - 1);
  const [first, ...args] = cores === 'one' ? ['taskset', '-c', core, ...command] : command;
  return { command: first!, args, env };
}
