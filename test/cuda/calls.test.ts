import { expect, test } from '@jest/globals';
import { loadDigits } from '../../lib/data/digits.js';
import { notebookModel } from '../../lib/model/notebook.js';
import { quiet } from '../gpu/samples.js';
import { standin } from './standin.js';

/** What one more batch costs: nothing that a call costs but once is in it. */
async function callsOfAStep(run: (batches: number) => Promise<unknown>): Promise<number> {
  const operations = async (batches: number) => {
    const before = standin.report().operations;
    await run(batches);
    return standin.report().operations - before;
  };
  await operations(2);
  return (await operations(2)) - (await operations(1));
}

// In docs/gpu-validation.md, too: a step of so small a network takes as long as its number of calls. One of each is the
// copy of the totals that progress is reported from, which a card that is behind is spared.
test('a step of the notebook is this many calls', async () => {
  using model = notebookModel([8, 8, 8], { device: 'cuda' });
  const digits = await loadDigits();
  const data = (batches: number) => digits.subset(Array.from({ length: 128 * batches }, (_, i) => 37 * i));
  const training = await callsOfAStep((batches) =>
    model.fit(data(batches), { ...quiet, epochs: 1, batchSize: 128 }),
  );
  const evaluation = await callsOfAStep((batches) => model.evaluate(data(batches), { batchSize: 128 }));
  expect({ training, evaluation }).toEqual({ training: 40, evaluation: 16 });
});
