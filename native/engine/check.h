#pragma once

#include <vector>

#include "backend/adam.h"
#include "engine/layer.h"

namespace convsweep {

/** Throws Error NATIVE, naming the layer, unless each fits its type and the one before it. */
void checkLayers(const std::vector<Layer>& layers);

void checkAdam(const Adam& adam);

}  // namespace convsweep
