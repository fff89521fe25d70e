#pragma once

#include "backend/buffer.h"
#include "cpu/block.h"
#include "cpu/pool/image.h"

namespace convsweep::cpu {

class PoolBlock final : public CpuBlock {
 public:
  PoolBlock(const Context& context, const Node& from, const PoolSpec& spec)
      : CpuBlock(context, from, spec.out.size()), spec_(spec) {}

  void follow(CpuBlock& before) override {
    before.defer();
    follows_ = before.pool(spec_);
  }

  void forward(size_t n, Mode mode) override {
    if (mode == Mode::Inference && follows_) {
      to_.values = from_.values;
      return;
    }
    float* const out = prepare(n, mode);
    const bool training = mode == Mode::Training;
    if (training) winners_.ensure(n * to_.size);
    Deferred* const deferred = training ? from_.deferred : nullptr;
    const size_t all = deferred ? from_.size + kSlack : 0;
    float* const memory = scratch(all);
    team().forEachShard(n, [&](const Shard& shard, size_t worker) {
      float* const mine = memory + worker * all;
      for (size_t i = shard.first; i < shard.last; ++i) {
        if (deferred) deferred->values(i, i + 1, mine);
        poolImage(kernels(), spec_, deferred ? mine : from_.values + i * from_.size, out + i * to_.size,
                  training ? winners_.data() + i * to_.size : nullptr);
      }
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i) {
        kernels().poolBackward(spec_, to_.gradient + i * to_.size, winners_.data() + i * to_.size,
                               from_.gradient + i * from_.size);
      }
      if (from_.deferred) from_.deferred->takeGradient(shard);
    });
  }

 private:
  PoolSpec spec_;
  /** In inference the block before pools its output. */
  bool follows_ = false;
  Buffer<int32_t> winners_;
};

}  // namespace convsweep::cpu
