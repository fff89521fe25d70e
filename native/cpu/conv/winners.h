#pragma once

#include "backend/buffer.h"
#include "cpu/conv/frame.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/**
 * Gradients of a convolution before max-pooling, by following winners: of a pooling window one position has a
 * gradient, and where ReLU clipped it, none.
 */
class WinnersInputGradient final : public ConvInputGradient {
 public:
  WinnersInputGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  void prepare(const float* kernel) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Frame frame_;
  /** [filter][window y][run in whole vectors] */
  Buffer<float> byFilter_;
};

class WinnersKernelGradient final : public ConvKernelGradient {
 public:
  WinnersKernelGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  size_t sums() const override;
  void run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const override;
  void finish(const float* sums, float* gradient) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Frame frame_;
};

}  // namespace convsweep::cpu
