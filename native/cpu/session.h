#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "backend/buffer.h"
#include "backend/error.h"
#include "cpu/binding.h"
#include "cpu/block.h"
#include "cpu/conv/list.h"
#include "cpu/input.h"
#include "cpu/kernels.h"
#include "cpu/loss.h"
#include "cpu/stem/stem.h"

namespace convsweep::cpu {

class HostSession final : public Session {
 public:
  HostSession(const Plan& plan, const Adam& adam, uint32_t seed)
      : plan_(plan), adam_(adam), context_{kernels(), state_, team_, scratch_, passing_, step_, seed} {
    const auto flats = {&state_.parameters, &state_.gradients, &state_.m, &state_.v};
    // All of them before any is touched: if one is too much, the machine has not been filled with the others.
    for (Buffer<float>* flat : flats) flat->ensure(std::max<size_t>(plan.parameterCount, 1));
    for (Buffer<float>* flat : flats) flat->zero(plan.parameterCount);
    state_.statistics.ensure(std::max<size_t>(plan.statisticCount, 1));
    state_.statistics.zero(plan.statisticCount);
    build();
  }

  void shareWith(ThreadTeam* team) override { team_.use(team); }

  Input& input() override { return *input_; }
  std::span<const std::unique_ptr<Block>> blocks() override { return blocks_; }
  Loss& loss() override { return *loss_; }
  void beginStep(int64_t t) override { step_ = t; }

  void adam() override {
    team_.forEachPart(plan_.parameterCount, kStretch, [&](size_t first, size_t last, size_t) {
      kernels().adam(state_.parameters.data() + first, state_.m.data() + first, state_.v.data() + first,
                     state_.gradients.data() + first, last - first, adam_.stepSize(step_), adam_.beta1,
                     adam_.beta2, adam_.epsilon);
    });
  }

  void bind(const DeviceDataset& dataset, std::span<const uint32_t> rows) override {
    if (!loss_) build();
    binding_ = {static_cast<const HostDataset*>(&dataset), rows, 0};
  }
  void run(Mode, size_t, const std::function<void()>& step) override { step(); }

  void releaseMemory() override {
    loss_.reset();
    blocks_.clear();
    input_.reset();
    scratch_.release();
    passing_.release();
  }

  void resetTotals() override { loss_->reset(); }
  Totals totals() override { return loss_->totals(); }
  Totals progress() override { return loss_->totals(); }

  void readOutputs(size_t n, float* out) override {
    const size_t size = outputs_->size;
    std::memcpy(out, outputs_->values, n * size * sizeof(float));
    if (!plan_.softmax) return;
    for (size_t i = 0; i < n; ++i) {
      float* z = out + i * size;
      const double largest = *std::max_element(z, z + size);
      double sum = 0;
      for (size_t c = 0; c < size; ++c) sum += std::exp(z[c] - largest);
      for (size_t c = 0; c < size; ++c) z[c] = static_cast<float>(std::exp(z[c] - largest) / sum);
    }
  }

  void readGradients(float* out) override {
    std::memcpy(out, state_.gradients.data(), plan_.parameterCount * sizeof(float));
  }
  void readState(StateView to) override {
    forEach(to,
            [](float* flat, std::span<float> view) { std::memcpy(view.data(), flat, view.size_bytes()); });
  }
  void writeState(StateView from) override {
    forEach(from,
            [](float* flat, std::span<float> view) { std::memcpy(flat, view.data(), view.size_bytes()); });
  }

 private:
  /** The chain, which takes memory as batches come. */
  void build() {
    blocks_.clear();
    const Node* last = nullptr;
    CpuBlock* before = nullptr;
    const auto add = [&](std::unique_ptr<CpuBlock> block) {
      if (before) block->follow(*before);
      before = block.get();
      last = &block->output();
      blocks_.push_back(std::move(block));
    };
    std::span<const BlockSpec> specs = plan_.blocks;
    if (const auto stem = mayTake("stem") ? stemOf(plan_) : std::nullopt) {
      input_ = std::make_unique<ByteInput>(binding_);
      add(std::make_unique<ConvStem>(context_, binding_, *stem));
      specs = specs.subspan(StemSpec::kBlocks);
    } else {
      auto input = std::make_unique<HostInput>(kernels(), team_, plan_, binding_);
      last = &input->output();
      input_ = std::move(input);
    }
    for (; !specs.empty(); specs = specs.subspan(blocksAsOne(specs))) add(makeBlock(context_, *last, specs));
    outputs_ = last;
    loss_ = std::make_unique<HostLoss>(team_, *last, binding_);
  }

  template <typename Copy>
  void forEach(const StateView& view, Copy copy) {
    const auto one = [&](Buffer<float>& flat, std::span<float> part, size_t size) {
      if (part.empty()) return;
      require(part.size() == size, "state arrays match the network");
      copy(flat.data(), part);
    };
    one(state_.parameters, view.parameters, plan_.parameterCount);
    one(state_.statistics, view.statistics, plan_.statisticCount);
    one(state_.m, view.m, plan_.parameterCount);
    one(state_.v, view.v, plan_.parameterCount);
  }

  const Plan plan_;
  const Adam adam_;
  State state_;
  Team team_;
  Buffer<float> scratch_;
  PassingMemory passing_;
  int64_t step_ = 1;
  Context context_;
  Binding binding_;
  std::unique_ptr<Input> input_;
  std::vector<std::unique_ptr<Block>> blocks_;
  const Node* outputs_ = nullptr;
  std::unique_ptr<HostLoss> loss_;
};

}  // namespace convsweep::cpu
