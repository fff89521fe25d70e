#pragma once

#include "cpu/block.h"

namespace convsweep::cpu {

class ReluBlock final : public CpuBlock {
 public:
  ReluBlock(const Context& context, const Node& from, const ReluSpec& spec)
      : CpuBlock(context, from, spec.size) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    team().forEachImage(
        n, [&](size_t i) { kernels().relu(from_.values + i * to_.size, to_.size, out + i * to_.size); });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachImage(n, [&](size_t i) {
      const size_t at = i * to_.size;
      kernels().reluBackward(to_.values + at, to_.gradient + at, to_.size, from_.gradient + at);
    });
  }
};

}  // namespace convsweep::cpu
