#pragma once

#include <compare>
#include <cstdint>

#include "cuda/convolution_shape.h"
#include "cuda/graph.h"

namespace convsweep::cuda {

/** The passes of a convolution, by what they compute. */
enum class Pass { Output, InputGradient, KernelGradient };

/** What cuDNN is asked to compute. */
struct ConvolutionOperation {
  ConvolutionShape shape;
  Pass pass;
  /** Factors may be rounded to TF32. */
  bool tf32;

  auto operator<=>(const ConvolutionOperation&) const = default;

  /** How the operands are called in a graph: input, kernel and output, or their gradients. */
  static constexpr int64_t kX = 1, kW = 2, kY = 3;
  /** What operands and workspace are aligned to, in bytes. */
  static constexpr int64_t kAlignment = 16;

  /** Finalised. */
  GraphDescriptor describe() const;
  /** As an error calls the pass. */
  const char* name() const;
};

}  // namespace convsweep::cuda
