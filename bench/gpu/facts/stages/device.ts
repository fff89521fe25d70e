import { probe, requireBuilt } from '../built.js';
import type { Stage } from '../stage.js';

type Libraries = Record<string, string | number> | { loaded: string };

export const libraries: Stage = {
  name: 'libraries',
  title: 'the libraries that are loaded, and what the CUDA runtime says of the device',
  limit: 15,
  run: (run) =>
    run.collect<Libraries>(requireBuilt(probe), ['libraries'], (fact) =>
      'loaded' in fact
        ? String(fact.loaded)
        : Object.entries(fact)
            .map(([name, value]) => `${name} ${value}`)
            .join(', '),
    ),
};

export const description: Stage = {
  name: 'description',
  title: "cuDNN's own description of the device, for plans where there is none",
  limit: 10,
  run: (run) =>
    run.collect<{ description: object }>(requireBuilt(probe), ['description'], ({ description }) =>
      JSON.stringify(description),
    ),
};
