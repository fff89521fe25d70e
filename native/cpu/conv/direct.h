#pragma once

#include <vector>

#include "backend/buffer.h"
#include "cpu/conv/frame.h"
#include "cpu/conv/image.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/** Convolution by its definition, in tiles of results that stay in registers. */
class DirectForward final : public ConvForward {
 public:
  DirectForward(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  void prepare(const float* kernel, const float* bias) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const Kernels& all_;
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Frame frame_;
  Buffer<float> packed_;
  BlankResults blank_;
};

/**
 * The gradient of the input as a convolution: of the map's gradient with the kernel turned round. Input
 * positions whose places within a stride differ meet different weights, so each such phase is a convolution
 * of its own.
 */
class DirectInputGradient final : public ConvInputGradient {
 public:
  DirectInputGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override { return frame_.scratch(); }
  void prepare(const float* kernel) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  /**
   * In one direction: of the inputs first, first + stride, ... the i-th meets outputs [begin + i, begin + i +
   * taps) of the framed map with the weights firstTap, firstTap - stride, ...
   */
  struct Side {
    size_t first, count, begin, taps, firstTap;
  };
  struct Phase {
    Side y, x;
    Buffer<float> packed;
  };
  static Frame frameOf(const ConvSpec& spec);
  static Side sideOf(int phase, int in, int window, int stride, int padding);

  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const Frame frame_;
  std::vector<Phase> phases_;
  Buffer<float> turned_;
};

/** The gradient of the kernel: windows times gradients, summed in registers over the windows of an image. */
class DirectKernelGradient final : public ConvKernelGradient {
 public:
  DirectKernelGradient(const Kernels& kernels, const ConvSpec& spec);
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
