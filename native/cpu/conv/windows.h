#pragma once

#include "cpu/conv/frame.h"

namespace convsweep::cpu {

/** `size` in whole vectors. */
inline size_t wholeVectors(const ConvKernels& kernels, size_t size) {
  return (size + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
}

/** The windows of all lines over a framed input. */
inline Windows windowsOf(const ConvSpec& s, const Frame& frame, const float* framed) {
  const auto size = [](int extent) { return static_cast<size_t>(extent); };
  const Window& w = s.window;
  return {framed,
          size(s.out.height),
          size(s.out.width),
          size(w.strideY) * frame.pitch(),
          size(w.strideX) * frame.channels,
          frame.pitch(),
          size(w.height),
          size(w.width) * frame.channels};
}

}  // namespace convsweep::cpu
