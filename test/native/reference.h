#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "backend/plan.h"

namespace convsweep::test {

/** A batch of images and labels. */
struct Batch {
  std::vector<uint8_t> images, labels;
  size_t size() const { return labels.size(); }
};

/**
 * What the tested network decided where float arithmetic may decide otherwise than double: the place that won
 * a pooling window (row-major within the window), or, without pooling, 0; -1 if ReLU clipped the value. -2:
 * not known. Arguments: block of the plan, image, index into the block's output.
 */
using Decision = std::function<int(size_t block, size_t image, size_t element)>;

struct ReferenceResult {
  double loss = 0;
  std::vector<double> gradients, statistics;
  /**
   * Decisions taken over from the network, and the largest gap among them, relative to the block's largest
   * value.
   */
  size_t adopted = 0;
  double largestGap = 0;
};

/**
 * One training step of `plan` in double precision, by the definitions: no algorithm shared with the tested
 * code. Covers convolution (ReLU, pooling), batch norm, ReLU, dense, and softmax with cross-entropy;
 * throws std::logic_error for other blocks.
 */
ReferenceResult referenceStep(const Plan& plan, const std::vector<float>& parameters,
                              const std::vector<float>& statistics, const Batch& batch,
                              const Decision& decision);

/** The probabilities of each image's classes by the same definitions; pooling may stand anywhere. */
std::vector<double> referenceProbabilities(const Plan& plan, const std::vector<float>& parameters,
                                           const std::vector<float>& statistics, const Batch& batch);

}  // namespace convsweep::test
