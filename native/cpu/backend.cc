#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "cpu/binding.h"
#include "cpu/blocks.h"
#include "cpu/kernels.h"
#include "cpu/stem.h"
#include "engine/buffer.h"
#include "engine/error.h"
#include "ops/session.h"

namespace convsweep {
namespace cpu {
namespace {

/** For a stem, which reads the bytes itself. */
class ByteInput final : public Input {
 public:
  explicit ByteInput(Binding& binding) : binding_(binding) {}
  void load(size_t first, size_t) override { binding_.first = first; }

 private:
  Binding& binding_;
};

class HostInput final : public Input {
 public:
  HostInput(const Kernels& kernels, const Plan& plan, Binding& binding)
      : kernels_(kernels), scale_(plan.inputScale), offset_(plan.inputOffset), binding_(binding) {
    node_.size = plan.imageSize;
  }
  const Node& output() const { return node_; }

  void load(size_t first, size_t n) override {
    binding_.first = first;
    values_.ensure(n * node_.size + kSlack);
    node_.values = values_.data();
    for (size_t i = 0; i < n; ++i) {
      kernels_.rescale(binding_.image(i), node_.size, scale_, offset_, values_.data() + i * node_.size);
    }
  }

 private:
  const Kernels& kernels_;
  float scale_, offset_;
  Binding& binding_;
  Node node_;
  Buffer<float> values_;
};

class HostLoss final : public Loss {
 public:
  HostLoss(const Node& logits, const Binding& binding)
      : logits_(logits), binding_(binding), exponentials_(logits.size) {}

  void forward(size_t n, Mode mode) override {
    const size_t classes = logits_.size;
    double loss = 0;
    for (size_t i = 0; i < n; ++i) {
      const float* z = logits_.values + i * classes;
      const size_t label = binding_.label(i);
      const size_t predicted = static_cast<size_t>(std::max_element(z, z + classes) - z);
      double sum = 0;
      for (size_t c = 0; c < classes; ++c)
        sum += exponentials_.data()[c] = std::exp(static_cast<double>(z[c]) - z[predicted]);
      loss += std::log(sum) - (static_cast<double>(z[label]) - z[predicted]);
      totals_.correct += predicted == label;
      if (mode == Mode::Training) writeGradient(sum, label, logits_.gradient + i * classes, n);
    }
    totals_.loss += loss;
    totals_.images += n;
  }

  void reset() { totals_ = {}; }
  const Totals& totals() const { return totals_; }

 private:
  /** (softmax - onehot) / n. The label's own entry is minus the sum of the others: exact where softmax is
   * near 1. */
  void writeGradient(double sum, size_t label, float* gradient, size_t n) const {
    double others = 0;
    for (size_t c = 0; c < logits_.size; ++c) {
      if (c == label) continue;
      const double share = exponentials_.data()[c] / sum / static_cast<double>(n);
      others += share;
      gradient[c] = static_cast<float>(share);
    }
    gradient[label] = static_cast<float>(-others);
  }

  const Node& logits_;
  const Binding& binding_;
  /** Of one image's logits, less the largest. */
  Buffer<double> exponentials_;
  Totals totals_;
};

class HostSession final : public Session {
 public:
  HostSession(const Plan& plan, uint32_t seed)
      : plan_(plan), gemmScratch_(kGemmScratch), context_{kernels(),     state_, gemmScratch_,
                                                          imageScratch_, step_,  seed} {
    const auto flats = {&state_.parameters, &state_.gradients, &state_.m, &state_.v};
    // All of them before any is touched: if one is too much, the machine has not been filled with the others.
    for (Buffer<float>* flat : flats) flat->ensure(std::max<size_t>(plan.parameterCount, 1));
    for (Buffer<float>* flat : flats) flat->zero(plan.parameterCount);
    state_.statistics.ensure(std::max<size_t>(plan.statisticCount, 1));
    state_.statistics.zero(plan.statisticCount);
    const Node* last = nullptr;
    const auto add = [&](std::unique_ptr<CpuBlock> block) {
      last = &block->output();
      blocks_.push_back(std::move(block));
    };
    std::span<const BlockSpec> specs = plan.blocks;
    if (const auto stem = stemOf(plan)) {
      input_ = std::make_unique<ByteInput>(binding_);
      add(std::make_unique<ConvStem>(context_, binding_, *stem));
      specs = specs.subspan(StemSpec::kBlocks);
    } else {
      auto input = std::make_unique<HostInput>(kernels(), plan, binding_);
      last = &input->output();
      input_ = std::move(input);
    }
    for (const BlockSpec& spec : specs) add(makeBlock(context_, *last, spec));
    outputs_ = last;
    loss_ = std::make_unique<HostLoss>(*last, binding_);
  }

  Input& input() override { return *input_; }
  std::span<const std::unique_ptr<Block>> blocks() override { return blocks_; }
  Loss& loss() override { return *loss_; }
  void beginStep(int64_t t) override { step_ = t; }

  void adam(const Adam& adam) override {
    kernels().adam(state_.parameters.data(), state_.m.data(), state_.v.data(), state_.gradients.data(),
                   plan_.parameterCount, adam.stepSize(step_), adam.beta1, adam.beta2, adam.epsilon);
  }

  void bind(const DeviceDataset& dataset, std::span<const uint32_t> rows) override {
    binding_ = {static_cast<const HostDataset*>(&dataset), rows, 0};
  }
  void run(Mode, size_t, const std::function<void()>& step) override { step(); }

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
  State state_;
  Buffer<float> gemmScratch_, imageScratch_;
  int64_t step_ = 1;
  Context context_;
  Binding binding_;
  std::unique_ptr<Input> input_;
  std::vector<std::unique_ptr<Block>> blocks_;
  const Node* outputs_ = nullptr;
  std::unique_ptr<HostLoss> loss_;
};

std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "CPU";
}

}  // namespace
}  // namespace cpu

namespace backend {

BuildInfo buildInfo() {
  return {"cpu", cpu::instructionSets(), cpu::kernels().name, {}};
}

/** Of the processors, those that this process may use. */
int usableCores() {
#if defined(__linux__)
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

std::vector<DeviceInfo> devices() {
  const int cores = usableCores();
  return {{"cpu", cpu::processorName() + ", " + cpu::kernels().name, cores}};
}

size_t memoryInUse() {
  return hostBytesInUse;
}

std::unique_ptr<DeviceDataset> createDataset(int device, const uint8_t* images, const uint8_t* labels,
                                             size_t count, size_t imageSize) {
  require(device == 0, "the device exists");
  return std::make_unique<cpu::HostDataset>(images, labels, count, imageSize);
}

std::unique_ptr<Session> createSession(int device, const Plan& plan, const SessionOptions& options) {
  require(device == 0, "the device exists");
  require(options.precision != Precision::Tf32, "the CPU computes in float32");
  return std::make_unique<cpu::HostSession>(plan, options.seed);
}

}  // namespace backend
}  // namespace convsweep
