#pragma once

#include <memory>

#include "cpu/block.h"
#include "cpu/team.h"

/**
 * What a way to convolve implements; conv/list.h says which ones there are. Each works on the first `images`
 * of the arrays, with scratch memory of its own, so that several threads can share a batch.
 */
namespace convsweep::cpu {

/** Where the arrays of some images begin. */
struct ConvArrays {
  const float* x;
  /** Of each line of results before pooling, those that see ink, see ink.h; null where x is no image. */
  const Span* ink;
  /**
   * Pooled values and their winners, see Kernels::poolRow, or -1 where all that a window sees is blank;
   * without pooling `winners` is null.
   */
  float* y;
  int32_t* winners;
  /** Of y, 0 where ReLU clipped, and of x. */
  const float* yGradient;
  float* xGradient;
};

class ConvForward {
 public:
  virtual ~ConvForward() = default;
  /** Floats that a worker needs. */
  virtual size_t scratch() const = 0;
  /** Takes over the weights; `bias` may be null. */
  virtual void prepare(const float* kernel, const float* bias) = 0;
  /** y and, where not null, winners. */
  virtual void run(size_t images, const ConvArrays& arrays, float* scratch) const = 0;
};

/** The gradient of the input, written in full. */
class ConvInputGradient {
 public:
  virtual ~ConvInputGradient() = default;
  virtual size_t scratch() const = 0;
  virtual void prepare(const float* kernel) = 0;
  virtual void run(size_t images, const ConvArrays& arrays, float* scratch) const = 0;
};

/** The gradient of the kernel. */
class ConvKernelGradient {
 public:
  virtual ~ConvKernelGradient() = default;
  virtual size_t scratch() const = 0;
  /** Floats of the sums. */
  virtual size_t sums() const = 0;
  /** Adds the images' products to `sums`. */
  virtual void run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const = 0;
  /** Writes the gradient, [window y][window x][channel][filter], from sums over the batch. */
  virtual void finish(const float* sums, float* gradient) const = 0;
};

}  // namespace convsweep::cpu
