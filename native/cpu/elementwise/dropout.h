#pragma once

#include "backend/buffer.h"
#include "backend/hash.h"
#include "cpu/block.h"

namespace convsweep::cpu {

class DropoutBlock final : public CpuBlock {
 public:
  DropoutBlock(const Context& context, const Node& from, const DropoutSpec& spec)
      : CpuBlock(context, from, spec.size), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    if (mode == Mode::Inference) {
      to_.values = from_.values;
      return;
    }
    float* const out = prepare(n, mode);
    factors_.ensure(n * spec_.size);
    const uint64_t key = dropoutKey(context_.seed, spec_.stream, context_.step);
    team().forEachImage(n, [&](size_t i) {
      const size_t at = i * spec_.size;
      kernels().dropout(from_.values + at, at, spec_.size, key, spec_.rate, factors_.data() + at, out + at);
    });
  }

  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachImage(n, [&](size_t i) {
      const size_t at = i * spec_.size;
      kernels().multiply(to_.gradient + at, factors_.data() + at, spec_.size, from_.gradient + at);
    });
  }

 private:
  DropoutSpec spec_;
  Buffer<float> factors_;
};

}  // namespace convsweep::cpu
