#pragma once

#include "backend/buffer.h"
#include "cpu/conv/image.h"
#include "cpu/conv/implementation.h"
#include "cpu/kernels.h"

namespace convsweep::cpu {

/**
 * Convolution at stride 1 of maps that are turned into planes [channel][y][x], with windows side by side in
 * vectors instead of filters: full where few filters leave most of a vector empty. The products of a window
 * are added in the order in which `direct` adds them.
 */
class PlanesForward final : public ConvForward {
 public:
  PlanesForward(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  void prepare(const float* kernel, const float* bias) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const Kernels& all_;
  const ConvSpec spec_;
  const PlaneLayout planes_;
  const float *kernel_ = nullptr, *bias_ = nullptr;
  BlankResults blank_;
};

/** The same with the kernel turned round, over the gradient of the map. */
class PlanesInputGradient final : public ConvInputGradient {
 public:
  PlanesInputGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override { return planes_.scratch(); }
  void prepare(const float* kernel) override;
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const PlaneLayout planes_;
  Buffer<float> turned_;
};

/** Each weight's products are added lane by lane; the lanes come together once a batch. */
class PlanesKernelGradient final : public ConvKernelGradient {
 public:
  PlanesKernelGradient(const Kernels& kernels, const ConvSpec& spec);
  size_t scratch() const override;
  size_t sums() const override;
  void run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const override;
  void finish(const float* sums, float* gradient) const override;

 private:
  const ConvKernels& kernels_;
  const ConvSpec spec_;
  const PlaneLayout planes_, gradients_;
};

}  // namespace convsweep::cpu
