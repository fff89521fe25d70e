#pragma once

#include <memory>

#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/**
 * The implementations for a convolution: of each list in list.cc the first that applies. For tests the
 * environment variable CONVSWEEP_CONVOLUTION names one that is taken wherever it applies.
 */
std::unique_ptr<ConvForward> makeForward(const Kernels& kernels, const ConvSpec& spec);
std::unique_ptr<ConvInputGradient> makeInputGradient(const Kernels& kernels, const ConvSpec& spec);
std::unique_ptr<ConvKernelGradient> makeKernelGradient(const Kernels& kernels, const ConvSpec& spec);

}  // namespace convsweep::cpu
