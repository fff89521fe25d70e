#pragma once

#include "backend/plan.h"
#include "bench/gpu/probe/operands.h"

namespace convsweep::probe {

/** What `spec` leaves in a training step in double precision, by the definitions. Dropout as in optimizer
 * step 1 of a network with seed 0. */
Results<double> exactResults(const BlockSpec& spec, const Operands& operands);

/**
 * Takes the output's gradient away where rounding may decide otherwise than exact arithmetic: in pooling
 * windows whose largest values are nearer to each other than `margin` of the map's root mean square, and at
 * values as near to where ReLU clips.
 */
void keepDecided(const BlockSpec& spec, double margin, Operands& operands);

}  // namespace convsweep::probe
