#pragma once

#include <vector>

#include "backend/plan.h"
#include "engine/layer.h"

namespace convsweep {

/** Fuses `layers` into blocks. Throws Error NATIVE for shapes or values that are not consistent. */
Plan makePlan(const std::vector<Layer>& layers);

}  // namespace convsweep
