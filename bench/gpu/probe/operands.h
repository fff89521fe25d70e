#pragma once

#include <cstddef>
#include <vector>

namespace convsweep::probe {

/** What a block is given for `n` images, in the order of device memory: maps image by image and channel by
 * channel, kernels [out][in][height][width] or [in][out]. */
struct Operands {
  size_t n = 0;
  std::vector<float> input, outputGradient;
  /** Kernel and bias, or gamma and beta; then moving means and moving variances. */
  std::vector<float> first, second, statistics;
};

/** What a training step leaves of a block; empty what it has not. */
template <typename T>
struct Results {
  std::vector<T> output, inputGradient, firstGradient, secondGradient, statistics;
  bool operator==(const Results&) const = default;
};

/** Calls `use(name, values of each)` for each part of some results. */
template <typename Use, typename... Each>
void eachPart(const Use& use, Each&&... each) {
  use("output", each.output...);
  use("inputGradient", each.inputGradient...);
  use("firstGradient", each.firstGradient...);
  use("secondGradient", each.secondGradient...);
  use("statistics", each.statistics...);
}

}  // namespace convsweep::probe
