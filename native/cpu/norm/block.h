#pragma once

#include <algorithm>
#include <cmath>

#include "backend/buffer.h"
#include "cpu/block.h"

namespace convsweep::cpu {

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

}  // namespace convsweep::cpu
