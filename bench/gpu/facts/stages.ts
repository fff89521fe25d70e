import type { Stage } from './stage.js';
import { build } from './stages/build.js';
import { calls, offsets } from './stages/calls.js';
import { captures } from './stages/captures.js';
import { description, libraries } from './stages/device.js';
import { driver } from './stages/driver.js';
import { epoch } from './stages/epoch.js';
import { kernels } from './stages/kernels.js';
import { jax, pytorch, torchCompile } from './stages/peers.js';
import { sanitizer } from './stages/sanitizer.js';
import { sideBySide } from './stages/side-by-side.js';
import { suites } from './stages/suites.js';
import { sweep } from './stages/sweep.js';
import { throughput } from './stages/throughput.js';
import { versions } from './stages/versions.js';

/** In the order in which they build on each other, the most telling first. */
export const stages: readonly Stage[] = [
  driver,
  versions,
  build,
  libraries,
  description,
  calls,
  captures,
  offsets,
  epoch,
  sideBySide,
  throughput,
  sweep,
  suites,
  sanitizer,
  kernels,
  pytorch,
  torchCompile,
  jax,
];
