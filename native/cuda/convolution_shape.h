#pragma once

#include <compare>
#include <cstdint>

#include "backend/plan.h"

namespace convsweep::cuda {

/** A convolution of packed NCHW floats, as cuDNN is asked for it: padded alike on opposite sides. */
struct ConvolutionShape {
  int64_t images, inChannels, inHeight, inWidth, outChannels, outHeight, outWidth;
  int64_t height, width, strideY, strideX, padY, padX;
  auto operator<=>(const ConvolutionShape&) const = default;
};

/** Whether cuDNN sees a padded copy of the input: TensorFlow's padding need not be the same on both sides. */
bool needsPadding(const ConvSpec& spec);
/** The input as cuDNN sees it. */
Extent seenExtent(const ConvSpec& spec);
/** What cuDNN is asked for `n` images. */
ConvolutionShape shapeOf(const ConvSpec& spec, size_t n);

}  // namespace convsweep::cuda
