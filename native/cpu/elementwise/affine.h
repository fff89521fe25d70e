#pragma once

#include "cpu/block.h"

namespace convsweep::cpu {

class AffineBlock final : public CpuBlock {
 public:
  AffineBlock(const Context& context, const Node& from, const AffineSpec& spec)
      : CpuBlock(context, from, spec.size), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    team().forEachImage(n, [&](size_t i) {
      const size_t at = i * spec_.size;
      kernels().affine(from_.values + at, spec_.size, spec_.scale, spec_.offset, out + at);
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachImage(n, [&](size_t i) {
      const size_t at = i * spec_.size;
      kernels().affine(to_.gradient + at, spec_.size, spec_.scale, 0, from_.gradient + at);
    });
  }

 private:
  AffineSpec spec_;
};

}  // namespace convsweep::cpu
