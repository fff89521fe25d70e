#pragma once

#include "cuda/blocks.h"

namespace convsweep::cuda {

/** Convolution, bias, ReLU and max-pooling: the convolution through cuDNN, what follows in one kernel. */
std::unique_ptr<CudaBlock> makeConvolution(Context& context, const Node& from, const ConvSpec& spec,
                                           Order order);

}  // namespace convsweep::cuda
