#pragma once

#include <memory>

#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/**
 * For tests the environment variable CONVSWEEP_CONVOLUTION names an implementation, which is then taken
 * wherever it applies. This says whether one that stands before the lists, for several blocks together, may
 * be taken.
 */
bool mayTake(const char* implementation);

/** The implementations for a convolution: of each list in list.cc the first that applies. */
std::unique_ptr<ConvForward> makeForward(const Kernels& kernels, const ConvSpec& spec);
std::unique_ptr<ConvInputGradient> makeInputGradient(const Kernels& kernels, const ConvSpec& spec);
std::unique_ptr<ConvKernelGradient> makeKernelGradient(const Kernels& kernels, const ConvSpec& spec);

}  // namespace convsweep::cpu
