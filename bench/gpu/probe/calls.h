#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/plan.h"
#include "cuda/device.h"

namespace convsweep::probe {

/** A block of the notebook's network, or one of another kind that the backend has. */
struct Call {
  std::string name;
  BlockSpec spec;
  /** Whether the input's gradient is wanted. */
  bool differentiable = true;
};

std::vector<Call> calls();

/**
 * Runs a training step of the block for `n` images and prints what came of it: the status, the distance from
 * exact arithmetic, whether five runs and a recording give the same bits, microseconds and kernels of both
 * passes. Returns false if the device is lost to this process.
 */
bool checkCall(const std::shared_ptr<cuda::Device>& device, const Call& call, size_t n, bool tf32,
               size_t offset);

}  // namespace convsweep::probe
