#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cuda/device.h"

namespace convsweep::probe {

/** What another thread may do while a step is recorded. */
std::vector<std::string> disturbances();

/** Records again and again beside a thread that does nothing but `disturbance`, without the backend's gate,
 * and prints how many recordings ended how. */
void checkCaptures(const std::shared_ptr<cuda::Device>& device, const std::string& disturbance);

}  // namespace convsweep::probe
