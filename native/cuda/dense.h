#pragma once

#include "cuda/blocks.h"

namespace convsweep::cuda {

/** Matrix product, bias and ReLU: the product through cuBLAS, what follows in one kernel, with the batch norm
 * behind it if there is one. */
std::unique_ptr<CudaBlock> makeDense(Context& context, const Node& from, const DenseSpec& spec, Order order);

}  // namespace convsweep::cuda
