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
    float* const out = prepare(n, mode);
    team().forEachPart(n * spec_.size, kStretch, [&](size_t first, size_t last, size_t) {
      kernels().affine(from_.values + first, last - first, spec_.scale, spec_.offset, out + first);
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachPart(n * spec_.size, kStretch, [&](size_t first, size_t last, size_t) {
      kernels().affine(to_.gradient + first, last - first, spec_.scale, 0, from_.gradient + first);
    });
  }

 private:
  AffineSpec spec_;
};

class ReluBlock final : public CpuBlock {
 public:
  ReluBlock(const Context& context, const Node& from, const ReluSpec& spec)
      : CpuBlock(context, from, spec.size) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    team().forEachPart(n * to_.size, kStretch, [&](size_t first, size_t last, size_t) {
      kernels().relu(from_.values + first, last - first, out + first);
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachPart(n * to_.size, kStretch, [&](size_t first, size_t last, size_t) {
      kernels().reluBackward(to_.values + first, to_.gradient + first, last - first, from_.gradient + first);
    });
  }
};

class PoolBlock final : public CpuBlock {
 public:
  PoolBlock(const Context& context, const Node& from, const PoolSpec& spec)
      : CpuBlock(context, from, spec.out.size()), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* out = prepare(n, mode);
    winners_.ensure(n * to_.size);
    team().forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i) {
        kernels().maxPool(from_.values + i * from_.size, spec_, out + i * to_.size,
                          winners_.data() + i * to_.size);
      }
    });
  }
  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i) {
        float* const dx = from_.gradient + i * from_.size;
        std::memset(dx, 0, from_.size * sizeof(float));
        kernels().maxPoolBackward(to_.gradient + i * to_.size, winners_.data() + i * to_.size, spec_, dx);
      }
    });
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
    float* const out = prepare(n, mode);
    const size_t width = spec_.out;
    multiply({n, width, spec_.in}, {from_.values, spec_.in, 1},
             {parameters(spec_.parameters.first), width, 1}, out, [&](size_t first, size_t last) {
               kernels().biasRelu(out + first * width, last - first, width,
                                  spec_.bias ? parameters(spec_.parameters.second) : nullptr, spec_.relu);
             });
  }

  void backward(size_t n) override {
    float* const gradient = to_.gradient;
    const size_t width = spec_.out;
    if (spec_.relu) {
      team().forEachPart(n * width, kStretch, [&](size_t first, size_t last, size_t) {
        kernels().reluBackward(to_.values + first, gradient + first, last - first, gradient + first);
      });
    }
    if (spec_.bias) kernels().columnSums(gradient, n, width, gradients(spec_.parameters.second));
    multiply({spec_.in, width, n}, {from_.values, 1, spec_.in}, {gradient, width, 1},
             gradients(spec_.parameters.first));
    if (from_.gradient) {
      multiply({n, spec_.in, width}, {gradient, width, 1}, {parameters(spec_.parameters.first), 1, width},
               from_.gradient);
    }
  }

 private:
  /** C[m x n] = A[m x k] B[k x n] */
  struct Product {
    size_t m, n, k;
  };

  /**
   * Each worker computes some of C's rows, whose sums do not depend on how many those are, and then calls
   * then(first, last) for them.
   */
  template <typename Then>
  void multiply(const Product& p, Matrix a, Matrix b, float* c, const Then& then) {
    // Smaller products are done before help has come. Whole tiles of rows, as far as there are any.
    constexpr size_t kSmall = 1 << 17, kTileRows = 24;
    const size_t workers = p.m * p.n * p.k < kSmall ? 1 : team().workers();
    const size_t rows = ((p.m + workers - 1) / workers + kTileRows - 1) / kTileRows * kTileRows;
    float* const memory = scratch(kGemmScratch);
    team().forEachPart(p.m, rows, [&](size_t first, size_t last, size_t worker) {
      kernels().gemm(last - first, p.n, p.k, {a.data + first * a.rowStride, a.rowStride, a.columnStride}, b,
                     c + first * p.n, p.n, false, memory + worker * kGemmScratch);
      then(first, last);
    });
  }
  void multiply(const Product& p, Matrix a, Matrix b, float* c) {
    multiply(p, a, b, c, [](size_t, size_t) {});
  }

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
      moments(n);
      updateMoving(movingMean, movingVariance, rows);
    }
    const float* const mean = training ? channel(kMean) : movingMean;
    const float* const variance = training ? channel(kVariance) : movingVariance;
    const float* const gamma = parameters(spec_.parameters.first);
    for (size_t c = 0; c < channels; ++c) {
      channel(kInverseDeviation)[c] = 1 / std::sqrt(variance[c] + spec_.epsilon);
      channel(kScale)[c] = gamma[c] * channel(kInverseDeviation)[c];
    }
    forEachPart(n, [&](const Part& part) {
      kernels().normalise(from_.values + part.at, part.rows, channels, mean, channel(kScale),
                          parameters(spec_.parameters.second), out + part.at);
    });
  }

  void backward(size_t n) override {
    const size_t rows = n * spec_.rows, channels = spec_.channels;
    float* const dgamma = gradients(spec_.parameters.first);
    float* const dbeta = gradients(spec_.parameters.second);
    sums_.ensure(partsOf(n) * 2 * channels);
    forEachPart(n, [&](const Part& part) {
      float* const sums = sums_.data() + part.index * 2 * channels;
      kernels().normSums(from_.values + part.at, to_.gradient + part.at, part.rows, channels, channel(kMean),
                         channel(kInverseDeviation), sums, sums + channels);
    });
    for (size_t c = 0; c < 2 * channels; ++c) {
      double sum = 0;
      for (size_t part = 0; part < partsOf(n); ++part)
        sum += static_cast<double>(sums_.data()[part * 2 * channels + c]);
      (c < channels ? dgamma[c] : dbeta[c - channels]) = static_cast<float>(sum);
    }
    if (!from_.gradient) return;
    forEachPart(n, [&](const Part& part) {
      kernels().normBackward(from_.values + part.at, to_.gradient + part.at, part.rows, rows, channels,
                             channel(kMean), channel(kInverseDeviation), parameters(spec_.parameters.first),
                             dgamma, dbeta, from_.gradient + part.at);
    });
  }

 private:
  enum Slot { kMean, kVariance, kInverseDeviation, kScale, kSlots };
  float* channel(Slot slot) { return channel_.data() + slot * spec_.channels; }

  /** A fixed part of a batch: some of its rows, which begin at value `at`. */
  struct Part {
    size_t index, at, rows;
  };

  /** Of a batch of n images, which is not worth cutting where they are small. */
  size_t imagesOfPart(size_t n) const {
    constexpr size_t kSmall = 1024;
    return from_.size < kSmall ? n : std::min(n, kShardImages);
  }
  size_t partsOf(size_t n) const { return (n - 1) / imagesOfPart(n) + 1; }

  template <typename Body>
  void forEachPart(size_t n, const Body& body) {
    const size_t size = imagesOfPart(n);
    team().forEachPart(n, size, [&](size_t first, size_t last, size_t) {
      body(Part{first / size, first * from_.size, (last - first) * spec_.rows});
    });
  }

  /** Mean and variance over the batch, from those of its parts. */
  void moments(size_t n) {
    const size_t channels = spec_.channels, parts = partsOf(n);
    sums_.ensure(parts * 2 * channels);
    const auto of = [&](size_t part) { return sums_.data() + part * 2 * channels; };
    forEachPart(n, [&](const Part& part) {
      kernels().moments(from_.values + part.at, part.rows, channels, of(part.index),
                        of(part.index) + channels);
    });
    const auto share = [&](size_t part) {
      const size_t images = std::min(imagesOfPart(n), n - part * imagesOfPart(n));
      return static_cast<double>(images) / static_cast<double>(n);
    };
    for (size_t c = 0; c < channels; ++c) {
      double mean = 0, variance = 0;
      for (size_t part = 0; part < parts; ++part) mean += share(part) * static_cast<double>(of(part)[c]);
      for (size_t part = 0; part < parts; ++part) {
        const double distance = static_cast<double>(of(part)[c]) - mean;
        variance += share(part) * (static_cast<double>(of(part)[channels + c]) + distance * distance);
      }
      channel(kMean)[c] = static_cast<float>(mean);
      channel(kVariance)[c] = static_cast<float>(variance);
    }
  }

  void updateMoving(float* mean, float* variance, size_t rows) {
    const float correction = static_cast<float>(spec_.correction(rows));
    for (size_t c = 0; c < spec_.channels; ++c) {
      mean[c] -= (mean[c] - channel(kMean)[c]) * spec_.decay;
      variance[c] -= (variance[c] - channel(kVariance)[c] * correction) * spec_.decay;
    }
  }

  NormSpec spec_;
  Buffer<float> channel_;
  /** Of each part: two sums, or moments, of each channel. */
  Buffer<float> sums_;
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
    team().forEachPart(size, kStretch, [&](size_t first, size_t last, size_t) {
      for (size_t i = first; i < last; ++i) {
        factors_.data()[i] = dropoutFactor(key, i, spec_.rate);
        out[i] = from_.values[i] * factors_.data()[i];
      }
    });
  }

  void backward(size_t n) override {
    if (!from_.gradient) return;
    team().forEachPart(n * spec_.size, kStretch, [&](size_t first, size_t last, size_t) {
      for (size_t i = first; i < last; ++i) from_.gradient[i] = to_.gradient[i] * factors_.data()[i];
    });
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
