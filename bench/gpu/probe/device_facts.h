#pragma once

#include <memory>

#include "cuda/device.h"

namespace convsweep::probe {

/** Prints the versions of driver and libraries, what the runtime says of the device, and which files of
 * NVIDIA's are loaded. */
void printLibraries(const std::shared_ptr<cuda::Device>& device);

/** Prints cuDNN's own description of the device, which PlanTarget takes where there is none. */
void printDescription(const std::shared_ptr<cuda::Device>& device);

}  // namespace convsweep::probe
