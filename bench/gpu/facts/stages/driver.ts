import type { Stage } from '../stage.js';

/** What may matter to a time or to a failure. */
const PROPERTIES = [
  'name',
  'driver_version',
  'memory.total',
  'memory.used',
  'clocks.max.sm',
  'clocks.max.mem',
  'power.limit',
  'persistence_mode',
  'compute_mode',
  'mig.mode.current',
  'ecc.mode.current',
];

export const driver: Stage = {
  name: 'driver',
  title: 'what the driver says of the card',
  limit: 10,
  async run(run) {
    const text = await run.program('nvidia-smi', []);
    run.fact({ nvidiaSmi: text });
    for (const property of PROPERTIES) {
      // Not every driver knows every property, and one that it does not know fails the whole query.
      const args = [`--query-gpu=${property}`, '--format=csv,noheader'];
      const value = await run
        .program('nvidia-smi', args)
        .catch((error: Error) => error.message.split('\n')[0]!);
      run.continue();
      run.fact({ [property]: value.trim() });
    }
    const properties = Object.assign({}, ...run.facts) as Record<string, string>;
    run.rows.push(PROPERTIES.map((property) => `${property} ${properties[property]}`).join(', '));
  },
};
