#include "cpu/blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/hash.h"
#include "cpu/conv/block.h"

namespace convsweep::cpu {

float* CpuBlock::prepare(size_t n, Mode mode) {
  values_.ensure(n * to_.size + kSlack);
  to_.values = values_.data();
  if (mode == Mode::Training) {
    gradient_.ensure(n * to_.size + kSlack);
    to_.gradient = gradient_.data();
  }
  return values_.data();
}

namespace {

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

class ReluBlock final : public CpuBlock {
 public:
  ReluBlock(const Context& context, const Node& from, const ReluSpec& spec)
      : CpuBlock(context, from, spec.size) {}

  void forward(size_t n, Mode mode) override { kernels().relu(from_.values, n * to_.size, prepare(n, mode)); }
  void backward(size_t n) override {
    if (from_.gradient) kernels().reluBackward(to_.values, to_.gradient, n * to_.size, from_.gradient);
  }
};

class PoolBlock final : public CpuBlock {
 public:
  PoolBlock(const Context& context, const Node& from, const PoolSpec& spec)
      : CpuBlock(context, from, spec.out.size()), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    winners_.ensure(n * to_.size);
    for (size_t i = 0; i < n; ++i) {
      kernels().maxPool(from_.values + i * from_.size, spec_, out + i * to_.size,
                        winners_.data() + i * to_.size);
    }
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    std::memset(from_.gradient, 0, n * from_.size * sizeof(float));
    for (size_t i = 0; i < n; ++i) {
      kernels().maxPoolBackward(to_.gradient + i * to_.size, winners_.data() + i * to_.size, spec_,
                                from_.gradient + i * from_.size);
    }
  }

 private:
  PoolSpec spec_;
  Buffer<uint16_t> winners_;
};

class DenseBlock final : public CpuBlock {
 public:
  DenseBlock(const Context& context, const Node& from, const DenseSpec& spec)
      : CpuBlock(context, from, spec.out), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    kernels().gemm(n, spec_.out, spec_.in, {from_.values, spec_.in, 1},
                   {parameters(spec_.parameters.first), spec_.out, 1}, out, spec_.out, false,
                   context_.gemmScratch.data());
    kernels().biasRelu(out, n, spec_.out, spec_.bias ? parameters(spec_.parameters.second) : nullptr,
                       spec_.relu);
  }

  void backward(size_t n) override {
    float* const scratch = context_.gemmScratch.data();
    if (spec_.relu) kernels().reluBackward(to_.values, to_.gradient, n * spec_.out, to_.gradient);
    if (spec_.bias) kernels().columnSums(to_.gradient, n, spec_.out, gradients(spec_.parameters.second));
    kernels().gemm(spec_.in, spec_.out, n, {from_.values, 1, spec_.in}, {to_.gradient, spec_.out, 1},
                   gradients(spec_.parameters.first), spec_.out, false, scratch);
    if (from_.gradient) {
      kernels().gemm(n, spec_.in, spec_.out, {to_.gradient, spec_.out, 1},
                     {parameters(spec_.parameters.first), 1, spec_.out}, from_.gradient, spec_.in, false,
                     scratch);
    }
  }

 private:
  DenseSpec spec_;
};

class NormBlock final : public CpuBlock {
 public:
  NormBlock(const Context& context, const Node& from, const NormSpec& spec)
      : CpuBlock(context, from, spec.rows * spec.channels), spec_(spec), channel_(kSlots * spec.channels) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    const size_t rows = n * spec_.rows, channels = spec_.channels;
    float* const movingMean = context_.state.statistics.data() + spec_.statistics;
    float* const movingVariance = movingMean + channels;
    const bool training = mode == Mode::Training;
    if (training) {
      kernels().moments(from_.values, rows, channels, channel(kMean), channel(kVariance));
      updateMoving(movingMean, movingVariance, rows);
    }
    const float* const mean = training ? channel(kMean) : movingMean;
    const float* const variance = training ? channel(kVariance) : movingVariance;
    const float* const gamma = parameters(spec_.parameters.first);
    for (size_t c = 0; c < channels; ++c) {
      channel(kInverseDeviation)[c] = 1 / std::sqrt(variance[c] + spec_.epsilon);
      channel(kScale)[c] = gamma[c] * channel(kInverseDeviation)[c];
    }
    kernels().normalise(from_.values, rows, channels, mean, channel(kScale),
                        parameters(spec_.parameters.second), out);
  }

  void backward(size_t n) override {
    const size_t rows = n * spec_.rows, channels = spec_.channels;
    float* const dgamma = gradients(spec_.parameters.first);
    float* const dbeta = gradients(spec_.parameters.second);
    kernels().normSums(from_.values, to_.gradient, rows, channels, channel(kMean), channel(kInverseDeviation),
                       dgamma, dbeta);
    if (!from_.gradient) return;
    kernels().normBackward(from_.values, to_.gradient, rows, channels, channel(kMean),
                           channel(kInverseDeviation), parameters(spec_.parameters.first), dgamma, dbeta,
                           from_.gradient);
  }

 private:
  enum Slot { kMean, kVariance, kInverseDeviation, kScale, kSlots };
  float* channel(Slot slot) { return channel_.data() + slot * spec_.channels; }

  void updateMoving(float* mean, float* variance, size_t rows) {
    const float correction = static_cast<float>(spec_.correction(rows));
    for (size_t c = 0; c < spec_.channels; ++c) {
      mean[c] -= (mean[c] - channel(kMean)[c]) * spec_.decay;
      variance[c] -= (variance[c] - channel(kVariance)[c] * correction) * spec_.decay;
    }
  }

  NormSpec spec_;
  Buffer<float> channel_;
};

class DropoutBlock final : public CpuBlock {
 public:
  DropoutBlock(const Context& context, const Node& from, const DropoutSpec& spec)
      : CpuBlock(context, from, spec.size), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    const size_t size = n * spec_.size;
    if (mode == Mode::Inference) {
      std::memcpy(out, from_.values, size * sizeof(float));
      return;
    }
    factors_.ensure(size);
    const uint64_t key = dropoutKey(context_.seed, spec_.stream, context_.step);
    for (size_t i = 0; i < size; ++i) {
      factors_.data()[i] = dropoutFactor(key, i, spec_.rate);
      out[i] = from_.values[i] * factors_.data()[i];
    }
  }

  void backward(size_t n) override {
    if (!from_.gradient) return;
    for (size_t i = 0; i < n * spec_.size; ++i) from_.gradient[i] = to_.gradient[i] * factors_.data()[i];
  }

 private:
  DropoutSpec spec_;
  Buffer<float> factors_;
};

struct MakeBlock {
  const Context& context;
  const Node& from;
  std::unique_ptr<CpuBlock> operator()(const AffineSpec& s) const {
    return std::make_unique<AffineBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const PoolSpec& s) const {
    return std::make_unique<PoolBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const ConvSpec& s) const {
    return std::make_unique<ConvBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const DenseSpec& s) const {
    return std::make_unique<DenseBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const NormSpec& s) const {
    return std::make_unique<NormBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const ReluSpec& s) const {
    return std::make_unique<ReluBlock>(context, from, s);
  }
  std::unique_ptr<CpuBlock> operator()(const DropoutSpec& s) const {
    return std::make_unique<DropoutBlock>(context, from, s);
  }
};

}  // namespace

std::unique_ptr<CpuBlock> makeBlock(const Context& context, const Node& from, const BlockSpec& spec) {
  return std::visit(MakeBlock{context, from}, spec);
}

}  // namespace convsweep::cpu
