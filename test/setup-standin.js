import { join } from 'node:path';

// The project's tests run on the CUDA backend over the stand-in.
process.env.CONVSWEEP_TEST_DEVICE = 'cuda';
process.env.CONVSWEEP_CUDA_ADDON = join(
  import.meta.dirname,
  '..',
  'build',
  'standin',
  'Release',
  'convsweep_cudasim.node',
);
// It computes as a card does, not better: test/native/standin/device.h. Tests of failures add words of their own.
process.env.CONVSWEEP_STANDIN ||= 'sums=float32,tf32=truncate,alignment=16';
