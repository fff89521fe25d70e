#pragma once

#include <cstdint>
#include <vector>

#include "backend/plan.h"
#include "cuda/cursor.h"

/**
 * How a network lies in device memory. Maps are NCHW there and kernels [out][in][height][width]; the engine's
 * are channels-last. cuDNN's plans for the notebook on an H200 say so: in fp32 they need no copies of NCHW
 * maps, but of NHWC ones (9.7 MB in the first convolution); in TF32 the gradients of the second copy NCHW
 * maps (4.2 MB), which NHWC would save, but its batch norms are slow in NHWC. What differs is reordered on
 * the host when state is read or written, never in a step.
 */
namespace convsweep::cuda {

/** The order of each block's input, and of the last block's output behind them. */
std::vector<Order> ordersOf(const Plan& plan);

/** The same network with each kernel, bias, gamma and beta on kAlignedFloats, and room between them that is
 * never read. */
Plan aligned(const Plan& plan);

/** For every value of the engine's flat parameters, its index in the device's, which are laid out as in
 * aligned(plan). */
std::vector<uint32_t> parameterPlaces(const Plan& plan);
/** The same for the flat statistics, which have no room between them. */
std::vector<uint32_t> statisticPlaces(const Plan& plan);

}  // namespace convsweep::cuda
