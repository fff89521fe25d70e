#pragma once

#include <algorithm>
#include <cmath>

#include "backend/buffer.h"
#include "cpu/block.h"

namespace convsweep::cpu {

/**
 * Batch normalisation, and ReLU where it follows. Over maps the statistics are taken shard by shard and
 * merged in double; over rows of a dense layer, which are few, of the whole batch.
 *
 * Behind a convolution it follows that: statistics and the gradient of the input are computed while a shard
 * is in the cache. In inference, where statistics are known beforehand, it is folded into the convolution's
 * kernel, or its output is computed while that is in the cache. Before a convolution or pooling its output in
 * training is deferred.
 */
class NormBlock final : public CpuBlock, public Follower, public Deferred {
 public:
  NormBlock(const Context& context, const Node& from, const NormSpec& spec, bool relu)
      : CpuBlock(context, from, spec.rows * spec.channels, true),
        spec_(spec),
        relu_(relu),
        channel_(kSlots * spec.channels) {}

  void follow(CpuBlock& before) override {
    follows_ = spec_.rows > 1 && before.lead(*this);
    before_ = &before;
  }
  bool pool(const PoolSpec& spec) override { return follows_ && before_->pool(spec); }
  void defer() override { to_.deferred = spec_.rows > 1 ? this : nullptr; }

  void forward(size_t n, Mode mode) override {
    if (mode == Mode::Inference && follows_) {
      to_.values = from_.values;
      return;
    }
    if (!follows_) begin(n, mode);
    if (mode == Mode::Training) {
      if (!follows_) eachPart(n, [&](const Shard& part) { takeMoments(part); });
      mergeMoments(n);
      useStatistics(channel(kMean), channel(kVariance));
      if (to_.deferred) return prepareGradient(n);
    }
    float* const out = prepare(n, mode);
    eachPart(n, [&](const Shard& part) { normalise(from_.values + at(part), rows(part), out + at(part)); });
  }

  void backward(size_t n) override {
    const size_t channels = spec_.channels, parts = partsOf(n);
    batch_ = n;
    float* const dgamma = gradients(spec_.parameters.first);
    float* const dbeta = gradients(spec_.parameters.second);
    if (!to_.deferred) eachPart(n, [&](const Shard& part) { takeGradient(part); });
    for (size_t c = 0; c < channels; ++c) {
      double products = 0, gradients = 0;
      for (size_t p = 0; p < parts; ++p) {
        products += static_cast<double>(sums_.data()[2 * p * channels + c]);
        gradients += static_cast<double>(sums_.data()[(2 * p + 1) * channels + c]);
      }
      dgamma[c] = static_cast<float>(products);
      dbeta[c] = static_cast<float>(gradients);
    }
    if (from_.gradient && !follows_) eachPart(n, [&](const Shard& part) { backward(part); });
  }

  // As a follower.

  void begin(size_t n, Mode mode) override {
    if (mode == Mode::Training) {
      sums_.ensure(2 * partsOf(n) * spec_.channels);
    } else {
      useStatistics(movingMean(), movingVariance());
    }
  }
  bool relu() const override { return relu_; }
  void fold(const float* kernel, size_t rows, const float* bias, float* foldedKernel,
            float* foldedBias) const override {
    const size_t channels = spec_.channels;
    const float* const scale = channel_.data() + kScale * channels;
    const float* const shift = parameters(spec_.parameters.second);
    for (size_t c = 0; c < channels; ++c)
      foldedBias[c] = ((bias ? bias[c] : 0) - mean_[c]) * scale[c] + shift[c];
    for (size_t r = 0; r < rows; ++r, kernel += channels, foldedKernel += channels) {
      for (size_t c = 0; c < channels; ++c) foldedKernel[c] = kernel[c] * scale[c];
    }
  }
  void forward(const Shard& shard, Mode mode, float* values) override {
    if (mode == Mode::Training) return takeMoments(shard);
    normalise(values, rows(shard), values);
  }
  void backward(const Shard& part) override {
    kernels().normBackward(from_.values + at(part), to_.gradient + at(part), rows(part), spec_.channels,
                           channel(kMean), channel(kInverseDeviation), channel(kScale), clippingShift(),
                           gradients(spec_.parameters.first), gradients(spec_.parameters.second),
                           1 / static_cast<float>(batch_ * spec_.rows), from_.gradient + at(part));
  }

  // As what is deferred.

  void values(size_t first, size_t last, float* to) override {
    normalise(from_.values + first * to_.size, (last - first) * spec_.rows, to);
  }
  void takeGradient(const Shard& part) override {
    float* const sums = sums_.data() + 2 * part.index * spec_.channels;
    kernels().normSums(from_.values + at(part), to_.gradient + at(part), rows(part), spec_.channels,
                       channel(kMean), channel(kInverseDeviation), channel(kScale), clippingShift(), sums,
                       sums + spec_.channels);
  }

 private:
  enum Slot { kMean, kVariance, kInverseDeviation, kScale, kSlots };
  float* channel(Slot slot) { return channel_.data() + slot * spec_.channels; }
  float* movingMean() { return context_.state.statistics.data() + spec_.statistics; }
  float* movingVariance() { return movingMean() + spec_.channels; }

  size_t partsOf(size_t n) const { return spec_.rows > 1 ? shardsOf(n) : 1; }
  template <typename Body>
  void eachPart(size_t n, const Body& body) {
    if (spec_.rows == 1) return body(Shard{0, 0, n});
    team().forEachShard(n, [&](const Shard& shard, size_t) { body(shard); });
  }
  size_t at(const Shard& part) const { return part.first * to_.size; }
  size_t rows(const Shard& part) const { return (part.last - part.first) * spec_.rows; }
  /** The shift that ReLU follows; null where there is none. */
  const float* clippingShift() const { return relu_ ? parameters(spec_.parameters.second) : nullptr; }

  void normalise(const float* x, size_t rows, float* to) {
    kernels().normalise(x, rows, spec_.channels, mean_, channel(kScale), parameters(spec_.parameters.second),
                        relu_, to);
  }

  void takeMoments(const Shard& part) {
    float* const moments = sums_.data() + 2 * part.index * spec_.channels;
    kernels().moments(from_.values + at(part), rows(part), spec_.channels, moments, moments + spec_.channels);
  }

  /** Of the parts to those of the batch, which the moving ones follow. */
  void mergeMoments(size_t n) {
    const size_t channels = spec_.channels, parts = partsOf(n);
    const double all = static_cast<double>(n);
    for (size_t c = 0; c < channels; ++c) {
      const auto share = [&](size_t p) {
        const size_t images = parts > 1 ? shardImages(n) : n;
        return static_cast<double>(std::min(n - p * images, images)) / all;
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
    const float correction = static_cast<float>(spec_.correction(n * spec_.rows));
    for (size_t c = 0; c < channels; ++c) {
      movingMean()[c] -= (movingMean()[c] - channel(kMean)[c]) * spec_.decay;
      movingVariance()[c] -= (movingVariance()[c] - channel(kVariance)[c] * correction) * spec_.decay;
    }
  }

  void useStatistics(const float* mean, const float* variance) {
    mean_ = mean;
    const float* const gamma = parameters(spec_.parameters.first);
    for (size_t c = 0; c < spec_.channels; ++c) {
      channel(kInverseDeviation)[c] = 1 / std::sqrt(variance[c] + spec_.epsilon);
      channel(kScale)[c] = gamma[c] * channel(kInverseDeviation)[c];
    }
  }

  NormSpec spec_;
  const bool relu_;
  bool follows_ = false;
  CpuBlock* before_ = nullptr;
  /** Of the last backward pass. */
  size_t batch_ = 0;
  const float* mean_ = nullptr;
  Buffer<float> channel_;
  /** Per shard: mean and variance, or the sums for the gradients. */
  Buffer<float> sums_;
};

}  // namespace convsweep::cpu
