import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdout } from '../../../../lib/data/splits.js';
import { benchImages } from '../../images.js';
import { type PeerResult, peersScript, writePeerData } from '../../peers.js';
import { LeftOut, type Stage } from '../stage.js';

/** The same epochs with another program; `settings` are those of bench/gpu/peers.py. */
function peer(name: string, title: string, limit: number, settings: readonly string[]): Stage {
  return {
    name,
    title,
    limit,
    stretches: true,
    async run(run) {
      const python = run.find(run.options.python);
      const folder = await mkdtemp(join(tmpdir(), 'convsweep-peers-'));
      try {
        const { train } = holdout(await benchImages(undefined, run.options.images), { percent: 80, seed: 0 });
        await writePeerData(train, folder);
        let missing: string | undefined;
        const row = ({ peer, models = 1, cold, warm, missing: reason }: PeerResult) => {
          if (cold === undefined || warm === undefined) {
            missing = reason;
            return undefined;
          }
          const rate = Math.round((models * train.size) / warm);
          return `${peer}: ${rate} images/s (${models} models, first epoch ${cold.toFixed(2)} s, then ${warm.toFixed(3)} s)`;
        };
        await run.collect<PeerResult>(python, [peersScript(), folder, ...settings], row);
        if (missing !== undefined) throw new LeftOut(missing);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

export const pytorch = peer('pytorch', 'PyTorch on the same job, eager and as a CUDA graph', 20, [
  'torch',
  'torch-graph',
]);
export const torchCompile = peer('torch-compile', 'torch.compile on the same job', 20, ['torch-compile']);
export const jax = peer('jax', 'JAX on the same job: scan over steps, vmap over trials of equal widths', 20, [
  'jax',
  'jax-vmap',
]);
