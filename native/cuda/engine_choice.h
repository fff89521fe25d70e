#pragma once

#include <cudnn.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace convsweep::cuda {

/** An engine of cuDNN's, as it is set. Values alone: unlike a plan it belongs to no handle, and threads may
 * share it. */
struct EngineChoice {
  int64_t engine = -1;
  std::vector<std::pair<cudnnBackendKnobType_t, int64_t>> knobs = {};
  bool tensorCores = false;

  bool operator==(const EngineChoice&) const = default;
};

}  // namespace convsweep::cuda
