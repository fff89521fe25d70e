#pragma once

#include "cpu/conv/frame.h"
#include "cpu/conv/implementation.h"

namespace convsweep::cpu {

/** Convolution by its definition, one product at a time: what the others are compared with. */
class PlainForward final : public ConvForward {
 public:
  PlainForward(const Kernels&, const ConvSpec& spec) : spec_(spec), frame_(inputFrame(spec)) {}
  size_t scratch() const override { return spec_.out.size(); }
  void prepare(const float* kernel, const float* bias) override {
    kernel_ = kernel;
    bias_ = bias;
  }
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const ConvSpec spec_;
  const Frame frame_;
  const float *kernel_ = nullptr, *bias_ = nullptr;
};

class PlainInputGradient final : public ConvInputGradient {
 public:
  PlainInputGradient(const Kernels&, const ConvSpec& spec) : spec_(spec), frame_(inputFrame(spec)) {}
  size_t scratch() const override { return spec_.out.size(); }
  void prepare(const float* kernel) override { kernel_ = kernel; }
  void run(size_t images, const ConvArrays& arrays, float* scratch) const override;

 private:
  const ConvSpec spec_;
  const Frame frame_;
  const float* kernel_ = nullptr;
};

class PlainKernelGradient final : public ConvKernelGradient {
 public:
  PlainKernelGradient(const Kernels&, const ConvSpec& spec) : spec_(spec), frame_(inputFrame(spec)) {}
  size_t scratch() const override { return spec_.out.size(); }
  size_t sums() const override;
  void run(size_t images, const ConvArrays& arrays, float* sums, float* scratch) const override;
  void finish(const float* sums, float* gradient) const override;

 private:
  const ConvSpec spec_;
  const Frame frame_;
};

}  // namespace convsweep::cpu
