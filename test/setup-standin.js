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
