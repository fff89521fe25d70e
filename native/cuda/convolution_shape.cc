#include "cuda/convolution_shape.h"

#include <algorithm>

namespace convsweep::cuda {

bool needsPadding(const ConvSpec& spec) {
  const Window& w = spec.window;
  const auto fits = [](int in, int out, int window, int stride, int pad) {
    return in + 2 * pad >= window && (in + 2 * pad - window) / stride + 1 == out;
  };
  return !fits(spec.in.height, spec.out.height, w.height, w.strideY, w.padTop) ||
         !fits(spec.in.width, spec.out.width, w.width, w.strideX, w.padLeft);
}

Extent seenExtent(const ConvSpec& spec) {
  if (!needsPadding(spec)) return spec.in;
  const Window& w = spec.window;
  return {std::max((spec.out.height - 1) * w.strideY + w.height, spec.in.height + w.padTop),
          std::max((spec.out.width - 1) * w.strideX + w.width, spec.in.width + w.padLeft), spec.in.channels};
}

ConvolutionShape shapeOf(const ConvSpec& spec, size_t n) {
  const Extent in = seenExtent(spec);
  const Extent& out = spec.out;
  const Window& w = spec.window;
  const bool padded = needsPadding(spec);
  return {static_cast<int64_t>(n),
          in.channels,
          in.height,
          in.width,
          out.channels,
          out.height,
          out.width,
          w.height,
          w.width,
          w.strideY,
          w.strideX,
          padded ? 0 : w.padTop,
          padded ? 0 : w.padLeft};
}

}  // namespace convsweep::cuda
