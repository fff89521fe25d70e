#pragma once

#include "backend/buffer.h"
#include "cpu/block.h"

namespace convsweep::cpu {

class PoolBlock final : public CpuBlock {
 public:
  PoolBlock(const Context& context, const Node& from, const PoolSpec& spec)
      : CpuBlock(context, from, spec.out.size()), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    const bool training = mode == Mode::Training;
    if (training) winners_.ensure(n * to_.size);
    const size_t channels = static_cast<size_t>(spec_.in.channels),
                 rows = static_cast<size_t>(spec_.out.height);
    team().forEachImage(n, [&](size_t i) {
      for (size_t y = 0; y < rows; ++y) {
        const size_t at = i * to_.size + y * static_cast<size_t>(spec_.out.width) * channels;
        kernels().poolRow(spec_, from_.values + i * from_.size, channels,
                          {y, 0, static_cast<size_t>(spec_.out.width)}, false,
                          static_cast<size_t>(spec_.in.width) * channels, channels, nullptr, out + at,
                          training ? winners_.data() + at : nullptr);
      }
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachImage(n, [&](size_t i) {
      kernels().poolBackward(spec_, to_.gradient + i * to_.size, winners_.data() + i * to_.size,
                             from_.gradient + i * from_.size);
    });
  }

 private:
  PoolSpec spec_;
  Buffer<int32_t> winners_;
};

}  // namespace convsweep::cpu
