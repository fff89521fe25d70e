#pragma once

#include "backend/backend.h"
#include "backend/buffer.h"
#include "cpu/binding.h"
#include "cpu/block.h"
#include "cpu/team.h"

namespace convsweep::cpu {

/** For a stem, which reads the bytes itself. */
class ByteInput final : public Input {
 public:
  explicit ByteInput(Binding& binding) : binding_(binding) {}
  void load(size_t first, size_t) override { binding_.first = first; }

 private:
  Binding& binding_;
};

/** Rescales pixels into an array that blocks read. */
class HostInput final : public Input {
 public:
  HostInput(const Kernels& kernels, const Team& team, const Plan& plan, Binding& binding)
      : kernels_(kernels),
        team_(team),
        scale_(plan.inputScale),
        offset_(plan.inputOffset),
        binding_(binding) {
    node_.size = plan.imageSize;
    node_.pixels = true;
  }
  const Node& output() const { return node_; }

  void load(size_t first, size_t n) override {
    binding_.first = first;
    values_.ensure(n * node_.size + kSlack);
    node_.values = values_.data();
    team_.forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i)
        kernels_.rescale(binding_.image(i), node_.size, scale_, offset_, values_.data() + i * node_.size);
    });
  }

 private:
  const Kernels& kernels_;
  const Team& team_;
  float scale_, offset_;
  Binding& binding_;
  Node node_;
  Buffer<float> values_;
};

}  // namespace convsweep::cpu
