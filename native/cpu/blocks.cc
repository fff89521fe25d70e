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
        kernels().poolRow(spec_, from_.values + i * from_.size, channels, y, false,
                          static_cast<size_t>(spec_.in.width) * channels, channels, out + at,
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

class DenseBlock final : public CpuBlock {
 public:
  DenseBlock(const Context& context, const Node& from, const DenseSpec& spec)
      : CpuBlock(context, from, spec.out), spec_(spec) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    const size_t width = spec_.out;
    const float* const bias = spec_.bias ? parameters(spec_.parameters.second) : nullptr;
    multiply({n, width, spec_.in}, {from_.values, spec_.in, 1},
             {parameters(spec_.parameters.first), width, 1}, lists(n), out, [&](size_t first, size_t last) {
               kernels().biasRelu(out + first * width, last - first, width, bias, spec_.relu);
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
    const auto nothing = [](size_t, size_t) {};
    multiply({spec_.in, width, n}, {from_.values, 1, spec_.in}, {gradient, width, 1}, lists(spec_.in),
             gradients(spec_.parameters.first), nothing);
    if (from_.gradient) {
      multiply({n, spec_.in, width}, {gradient, width, 1}, {parameters(spec_.parameters.first), 1, width},
               nullptr, from_.gradient, nothing);
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
  void multiply(const Product& p, Matrix a, Matrix b, DepthList* lists, float* c, const Then& then) {
    // A smaller product is done before help has come.
    constexpr size_t kSmall = 1 << 17;
    const size_t workers = p.m * p.n * p.k < kSmall ? 1 : team().workers();
    // Whole tiles and lists, as far as there are any.
    constexpr size_t kRows = 24;
    static_assert(kRows % kListRows == 0);
    const size_t rows = ((p.m + workers - 1) / workers + kRows - 1) / kRows * kRows;
    float* const memory = scratch(kGemmScratch);
    team().forEachPart(p.m, rows, [&](size_t first, size_t last, size_t worker) {
      kernels().gemm(last - first, p.n, p.k, {a.data + first * a.rowStride, a.rowStride, a.columnStride}, b,
                     c + first * p.n, p.n, false, memory + worker * kGemmScratch,
                     lists ? lists + first / kListRows : nullptr);
      then(first, last);
    });
  }

  /** Pixels are often blank, and so are their neighbours. */
  DepthList* lists(size_t rows) {
    if (!from_.pixels) return nullptr;
    lists_.ensure((rows + kListRows - 1) / kListRows);
    return lists_.data();
  }

  DenseSpec spec_;
  Buffer<DepthList> lists_;
};

/**
 * Batch normalisation. Over maps the statistics are taken shard by shard, so that an image's second reading
 * finds it in the cache, and merged in double; over rows of a dense layer, which are few, of the whole batch.
 */
class NormBlock final : public CpuBlock {
 public:
  NormBlock(const Context& context, const Node& from, const NormSpec& spec)
      : CpuBlock(context, from, spec.rows * spec.channels), spec_(spec), channel_(kSlots * spec.channels) {}

  void forward(size_t n, Mode mode) override {
    float* const out = prepare(n, mode);
    const size_t channels = spec_.channels;
    float* const movingMean = context_.state.statistics.data() + spec_.statistics;
    float* const movingVariance = movingMean + channels;
    const bool training = mode == Mode::Training;
    if (training) {
      takeMoments(n);
      updateMoving(movingMean, movingVariance, n * spec_.rows);
    }
    const float* const mean = training ? channel(kMean) : movingMean;
    const float* const variance = training ? channel(kVariance) : movingVariance;
    const float* const gamma = parameters(spec_.parameters.first);
    for (size_t c = 0; c < channels; ++c) {
      channel(kInverseDeviation)[c] = 1 / std::sqrt(variance[c] + spec_.epsilon);
      channel(kScale)[c] = gamma[c] * channel(kInverseDeviation)[c];
    }
    eachPart(n, [&](const Shard& part) {
      kernels().normalise(from_.values + at(part), rows(part), channels, mean, channel(kScale),
                          parameters(spec_.parameters.second), out + at(part));
    });
  }

  void backward(size_t n) override {
    const size_t channels = spec_.channels, parts = partsOf(n);
    float* const dgamma = gradients(spec_.parameters.first);
    float* const dbeta = gradients(spec_.parameters.second);
    sums_.ensure(2 * parts * channels);
    eachPart(n, [&](const Shard& part) {
      float* const sums = sums_.data() + 2 * part.index * channels;
      kernels().normSums(from_.values + at(part), to_.gradient + at(part), rows(part), channels,
                         channel(kMean), channel(kInverseDeviation), sums, sums + channels);
    });
    for (size_t c = 0; c < channels; ++c) {
      double products = 0, gradients = 0;
      for (size_t p = 0; p < parts; ++p) {
        products += static_cast<double>(sums_.data()[2 * p * channels + c]);
        gradients += static_cast<double>(sums_.data()[(2 * p + 1) * channels + c]);
      }
      dgamma[c] = static_cast<float>(products);
      dbeta[c] = static_cast<float>(gradients);
    }
    if (!from_.gradient) return;
    eachPart(n, [&](const Shard& part) {
      kernels().normBackward(from_.values + at(part), to_.gradient + at(part), rows(part), channels,
                             channel(kMean), channel(kInverseDeviation), parameters(spec_.parameters.first),
                             dgamma, dbeta, 1 / static_cast<float>(n * spec_.rows),
                             from_.gradient + at(part));
    });
  }

 private:
  enum Slot { kMean, kVariance, kInverseDeviation, kScale, kSlots };
  float* channel(Slot slot) { return channel_.data() + slot * spec_.channels; }

  size_t partsOf(size_t n) const { return spec_.rows > 1 ? shardsOf(n) : 1; }
  template <typename Body>
  void eachPart(size_t n, const Body& body) {
    if (spec_.rows == 1) return body(Shard{0, 0, n});
    team().forEachShard(n, [&](const Shard& shard, size_t) { body(shard); });
  }
  size_t at(const Shard& part) const { return part.first * to_.size; }
  size_t rows(const Shard& part) const { return (part.last - part.first) * spec_.rows; }

  void takeMoments(size_t n) {
    const size_t channels = spec_.channels, parts = partsOf(n);
    sums_.ensure(2 * parts * channels);
    eachPart(n, [&](const Shard& part) {
      float* const moments = sums_.data() + 2 * part.index * channels;
      kernels().moments(from_.values + at(part), rows(part), channels, moments, moments + channels);
    });
    const double all = static_cast<double>(n);
    for (size_t c = 0; c < channels; ++c) {
      const auto share = [&](size_t p) {
        return static_cast<double>(std::min(n - p * kShardImages, parts > 1 ? kShardImages : n)) / all;
      };
      const float* const moments = sums_.data() + c;
      double mean = 0, variance = 0;
      for (size_t p = 0; p < parts; ++p) mean += share(p) * static_cast<double>(moments[2 * p * channels]);
      for (size_t p = 0; p < parts; ++p) {
        const double off = static_cast<double>(moments[2 * p * channels]) - mean;
        variance += share(p) * (static_cast<double>(moments[(2 * p + 1) * channels]) + off * off);
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
  /** Per shard: mean and variance, or the sums for the gradients. */
  Buffer<float> sums_;
};

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
