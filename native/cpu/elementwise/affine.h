#pragma once

#include "cpu/block.h"

namespace convsweep::cpu {

class AffineBlock final : public CpuBlock {
 public:
  AffineBlock(const Context& context, const Node& from, const AffineSpec& spec)
      : CpuBlock(context, from, spec.size), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    kernels().affine(from_.values, n * spec_.size, spec_.scale, spec_.offset, prepare(n, mode));
  }
  void backward(size_t n) override {
    if (from_.gradient) kernels().affine(to_.gradient, n * spec_.size, spec_.scale, 0, from_.gradient);
  }

 private:
  AffineSpec spec_;
};

}  // namespace convsweep::cpu
