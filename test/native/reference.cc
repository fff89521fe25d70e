#include "test/native/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>

namespace convsweep::test {
namespace {

using Values = std::vector<double>;

struct State {
  const std::vector<float>& parameters;
  const Decision& decision;
  ReferenceResult& result;
  bool training;
};

/** A step of the chain: keeps what its backward pass needs. */
class Stage {
 public:
  virtual ~Stage() = default;
  virtual Values forward(const Values& x, size_t n) = 0;
  virtual Values backward(const Values& dy, size_t n) = 0;
};

/**
 * Which of the values that a decision is between wins, -1 for none: the first largest positive one, unless
 * the network took another that is as good up to rounding.
 */
int decide(State& state, size_t block, size_t image, size_t element, const Values& candidates,
           const std::vector<int>& places, bool relu, double scale) {
  size_t best = 0;
  for (size_t i = 1; i < candidates.size(); ++i) {
    if (candidates[i] > candidates[best]) best = i;
  }
  const int own = relu && !(candidates[best] > 0) ? -1 : places[best];
  const int other = state.decision(block, image, element);
  if (other == -2 || other == own) return own;
  double gap;
  if (other == -1) {
    gap = candidates[best];
  } else {
    const auto at = std::find(places.begin(), places.end(), other);
    if (at == places.end()) return own;
    const double value = candidates[static_cast<size_t>(at - places.begin())];
    gap = candidates[best] - value;
    if (own == -1) gap = std::max(gap, -value);
  }
  state.result.adopted += 1;
  state.result.largestGap = std::max(state.result.largestGap, gap / scale);
  return other;
}

double largest(const Values& values) {
  double scale = 1e-30;
  for (double v : values) scale = std::max(scale, std::abs(v));
  return scale;
}

class ConvStage final : public Stage {
 public:
  ConvStage(State& state, size_t block, const ConvSpec& spec) : state_(state), block_(block), spec_(spec) {}

  Values forward(const Values& x, size_t n) override {
    x_ = x;
    const Extent in = spec_.in, out = spec_.out;
    Values y(n * out.size());
    each(n, [&](size_t i, int oy, int ox, int ky, int kx, size_t from, size_t to) {
      (void)i, (void)oy, (void)ox;
      for (int c = 0; c < in.channels; ++c) {
        for (int f = 0; f < out.channels; ++f)
          y[to + static_cast<size_t>(f)] += x[from + static_cast<size_t>(c)] * w(ky, kx, c, f);
      }
    });
    if (spec_.bias) {
      for (size_t i = 0; i < y.size(); ++i)
        y[i] += state_.parameters[spec_.parameters.second + i % filters()];
    }
    winner_.clear();
    if (!spec_.pool && !spec_.relu) return y;
    const double scale = largest(y);
    const Extent pooled = spec_.pool ? spec_.pool->out : out;
    Values result(n * pooled.size());
    winner_.assign(result.size(), SIZE_MAX);
    const Window pool = spec_.pool ? spec_.pool->window : Window{1, 1, 1, 1, 0, 0};
    for (size_t i = 0; i < n; ++i) {
      for (size_t e = 0; e < pooled.size(); ++e) {
        const int f = static_cast<int>(e % filters()), px = static_cast<int>(e / filters()) % pooled.width;
        const int py = static_cast<int>(e / filters()) / pooled.width;
        Values candidates;
        std::vector<int> places;
        std::vector<size_t> indices;
        for (int ky = 0; ky < pool.height; ++ky) {
          for (int kx = 0; kx < pool.width; ++kx) {
            const int row = py * pool.strideY + ky - pool.padTop,
                      column = px * pool.strideX + kx - pool.padLeft;
            if (row < 0 || row >= out.height || column < 0 || column >= out.width) continue;
            indices.push_back(i * out.size() +
                              static_cast<size_t>((row * out.width + column) * out.channels + f));
            candidates.push_back(y[indices.back()]);
            places.push_back(ky * pool.width + kx);
          }
        }
        const int place = decide(state_, block_, i, e, candidates, places, spec_.relu, scale);
        if (place < 0) continue;
        const size_t chosen =
            static_cast<size_t>(std::find(places.begin(), places.end(), place) - places.begin());
        winner_[i * pooled.size() + e] = indices[chosen];
        result[i * pooled.size() + e] = candidates[chosen];
      }
    }
    return result;
  }

  Values backward(const Values& dy, size_t n) override {
    Values full(n * spec_.out.size());
    if (winner_.empty()) {
      full = dy;
    } else {
      for (size_t i = 0; i < dy.size(); ++i) {
        if (winner_[i] != SIZE_MAX) full[winner_[i]] += dy[i];
      }
    }
    Values dx(n * spec_.in.size());
    auto& gradients = state_.result.gradients;
    each(n, [&](size_t, int, int, int ky, int kx, size_t from, size_t to) {
      for (int f = 0; f < spec_.out.channels; ++f) {
        const double g = full[to + static_cast<size_t>(f)];
        if (g == 0) continue;
        for (int c = 0; c < spec_.in.channels; ++c) {
          gradients[index(ky, kx, c, f)] += g * x_[from + static_cast<size_t>(c)];
          dx[from + static_cast<size_t>(c)] += g * w(ky, kx, c, f);
        }
      }
    });
    if (spec_.bias) {
      for (size_t i = 0; i < full.size(); ++i) gradients[spec_.parameters.second + i % filters()] += full[i];
    }
    return dx;
  }

 private:
  size_t filters() const { return static_cast<size_t>(spec_.out.channels); }
  size_t index(int ky, int kx, int c, int f) const {
    return spec_.parameters.first +
           static_cast<size_t>(((ky * spec_.window.width + kx) * spec_.in.channels + c) * spec_.out.channels +
                               f);
  }
  double w(int ky, int kx, int c, int f) const { return state_.parameters[index(ky, kx, c, f)]; }

  template <typename Visit>
  void each(size_t n, const Visit& visit) const {
    for (size_t i = 0; i < n; ++i) {
      for (int oy = 0; oy < spec_.out.height; ++oy) {
        for (int ox = 0; ox < spec_.out.width; ++ox) {
          for (int ky = 0; ky < spec_.window.height; ++ky) {
            for (int kx = 0; kx < spec_.window.width; ++kx) {
              const int y = oy * spec_.window.strideY + ky - spec_.window.padTop;
              const int x = ox * spec_.window.strideX + kx - spec_.window.padLeft;
              if (y < 0 || y >= spec_.in.height || x < 0 || x >= spec_.in.width) continue;
              visit(i, oy, ox, ky, kx,
                    i * spec_.in.size() + static_cast<size_t>((y * spec_.in.width + x) * spec_.in.channels),
                    i * spec_.out.size() +
                        static_cast<size_t>((oy * spec_.out.width + ox) * spec_.out.channels));
            }
          }
        }
      }
    }
  }

  State& state_;
  size_t block_;
  ConvSpec spec_;
  Values x_;
  std::vector<size_t> winner_;
};

class NormStage final : public Stage {
 public:
  NormStage(State& state, const NormSpec& spec) : state_(state), spec_(spec) {}

  Values forward(const Values& x, size_t n) override {
    const size_t channels = spec_.channels, rows = n * spec_.rows;
    mean_.assign(channels, 0);
    Values variance(channels);
    for (size_t i = 0; i < x.size(); ++i) mean_[i % channels] += x[i] / static_cast<double>(rows);
    for (size_t i = 0; i < x.size(); ++i)
      variance[i % channels] += std::pow(x[i] - mean_[i % channels], 2) / static_cast<double>(rows);
    inverse_.resize(channels);
    x_ = x;
    for (size_t c = 0; c < channels && !state_.training; ++c) {
      mean_[c] = state_.result.statistics[spec_.statistics + c];
      inverse_[c] = 1 / std::sqrt(state_.result.statistics[spec_.statistics + channels + c] + spec_.epsilon);
    }
    const double count = static_cast<double>(rows);
    for (size_t c = 0; c < channels && state_.training; ++c) {
      inverse_[c] = 1 / std::sqrt(variance[c] + spec_.epsilon);
      double& movingMean = state_.result.statistics[spec_.statistics + c];
      double& movingVariance = state_.result.statistics[spec_.statistics + channels + c];
      const double unbiased = spec_.bessel ? variance[c] * count / std::max(count - 1, 1.0) : variance[c];
      movingMean += (mean_[c] - movingMean) * spec_.decay;
      movingVariance += (unbiased - movingVariance) * spec_.decay;
    }
    Values y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = gamma(i % channels) * normalised(i) + state_.parameters[spec_.parameters.second + i % channels];
    }
    return y;
  }

  Values backward(const Values& dy, size_t n) override {
    const size_t channels = spec_.channels;
    const double rows = static_cast<double>(n * spec_.rows);
    Values dgamma(channels), dbeta(channels), dx(dy.size());
    for (size_t i = 0; i < dy.size(); ++i) {
      dgamma[i % channels] += dy[i] * normalised(i);
      dbeta[i % channels] += dy[i];
    }
    for (size_t i = 0; i < dy.size(); ++i) {
      const size_t c = i % channels;
      dx[i] = gamma(c) * inverse_[c] * (dy[i] - dbeta[c] / rows - normalised(i) * dgamma[c] / rows);
    }
    for (size_t c = 0; c < channels; ++c) {
      state_.result.gradients[spec_.parameters.first + c] = dgamma[c];
      state_.result.gradients[spec_.parameters.second + c] = dbeta[c];
    }
    return dx;
  }

 private:
  double gamma(size_t c) const { return state_.parameters[spec_.parameters.first + c]; }
  double normalised(size_t i) const {
    return (x_[i] - mean_[i % spec_.channels]) * inverse_[i % spec_.channels];
  }

  State& state_;
  NormSpec spec_;
  Values x_, mean_, inverse_;
};

class ReluStage final : public Stage {
 public:
  ReluStage(State& state, size_t block, const ReluSpec& spec) : state_(state), block_(block), spec_(spec) {}

  Values forward(const Values& x, size_t) override {
    const double scale = largest(x);
    Values y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const bool passes =
          decide(state_, block_, i / spec_.size, i % spec_.size, {x[i]}, {0}, true, scale) == 0;
      passed_.push_back(passes);
      y[i] = passes ? x[i] : 0;
    }
    return y;
  }
  Values backward(const Values& dy, size_t) override {
    Values dx(dy.size());
    for (size_t i = 0; i < dy.size(); ++i) dx[i] = passed_[i] ? dy[i] : 0;
    return dx;
  }

 private:
  State& state_;
  size_t block_;
  ReluSpec spec_;
  std::vector<bool> passed_;
};

/** Of inference. */
class PoolStage final : public Stage {
 public:
  explicit PoolStage(const PoolSpec& spec) : spec_(spec) {}

  Values forward(const Values& x, size_t n) override {
    const Extent in = spec_.in, out = spec_.out;
    const Window& w = spec_.window;
    Values y(n * out.size(), -std::numeric_limits<double>::infinity());
    for (size_t e = 0; e < y.size(); ++e) {
      const size_t image = e / out.size(), at = e % out.size(), channels = static_cast<size_t>(out.channels);
      const int oy = static_cast<int>(at / channels) / out.width,
                ox = static_cast<int>(at / channels) % out.width;
      for (int ky = 0; ky < w.height; ++ky) {
        for (int kx = 0; kx < w.width; ++kx) {
          const int row = oy * w.strideY + ky - w.padTop, column = ox * w.strideX + kx - w.padLeft;
          if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
          const size_t place = static_cast<size_t>(row * in.width + column) * channels + at % channels;
          y[e] = std::max(y[e], x[image * in.size() + place]);
        }
      }
    }
    return y;
  }
  Values backward(const Values&, size_t) override {
    throw std::logic_error("the reference lacks the gradient of pooling");
  }

 private:
  PoolSpec spec_;
};

/** A dense layer is a convolution whose window is the whole image. */
ConvSpec asConvolution(const DenseSpec& dense) {
  const Extent in{1, 1, static_cast<int>(dense.in)}, out{1, 1, static_cast<int>(dense.out)};
  return {in, out, {1, 1, 1, 1, 0, 0}, dense.bias, dense.relu, std::nullopt, dense.parameters};
}

std::vector<std::unique_ptr<Stage>> stagesOf(const Plan& plan, State& state) {
  std::vector<std::unique_ptr<Stage>> stages;
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    if (const auto* conv = std::get_if<ConvSpec>(&plan.blocks[b]))
      stages.push_back(std::make_unique<ConvStage>(state, b, *conv));
    if (const auto* norm = std::get_if<NormSpec>(&plan.blocks[b]))
      stages.push_back(std::make_unique<NormStage>(state, *norm));
    if (const auto* relu = std::get_if<ReluSpec>(&plan.blocks[b]))
      stages.push_back(std::make_unique<ReluStage>(state, b, *relu));
    if (const auto* pool = std::get_if<PoolSpec>(&plan.blocks[b]))
      stages.push_back(std::make_unique<PoolStage>(*pool));
    if (const auto* dense = std::get_if<DenseSpec>(&plan.blocks[b]))
      stages.push_back(std::make_unique<ConvStage>(state, b, asConvolution(*dense)));
    if (stages.size() == b)
      throw std::logic_error("the reference lacks the kind of block " + std::to_string(b));
  }
  return stages;
}

/** What the chain makes of a batch: logits. */
Values through(const std::vector<std::unique_ptr<Stage>>& stages, const Plan& plan, const Batch& batch) {
  Values x(batch.size() * plan.imageSize);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = batch.images[i] * static_cast<double>(plan.inputScale) + plan.inputOffset;
  for (const auto& stage : stages) x = stage->forward(x, batch.size());
  return x;
}

}  // namespace

ReferenceResult referenceStep(const Plan& plan, const std::vector<float>& parameters,
                              const std::vector<float>& statistics, const Batch& batch,
                              const Decision& decision) {
  ReferenceResult result;
  result.gradients.assign(plan.parameterCount, 0);
  result.statistics.assign(statistics.begin(), statistics.end());
  State state{parameters, decision, result, true};
  const auto stages = stagesOf(plan, state);
  const size_t n = batch.size();
  const Values x = through(stages, plan, batch);
  const size_t classes = plan.outputSize;
  Values dz(x.size());
  for (size_t i = 0; i < n; ++i) {
    const double* z = x.data() + i * classes;
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(z[c] - z[batch.labels[i]]);
    result.loss += std::log(sum) / static_cast<double>(n);
    for (size_t c = 0; c < classes; ++c) {
      dz[i * classes + c] =
          (std::exp(z[c] - z[batch.labels[i]]) / sum - (c == batch.labels[i])) / static_cast<double>(n);
    }
  }
  for (size_t s = stages.size(); s-- > 0;) dz = stages[s]->backward(dz, n);
  return result;
}

std::vector<double> referenceProbabilities(const Plan& plan, const std::vector<float>& parameters,
                                           const std::vector<float>& statistics, const Batch& batch) {
  ReferenceResult result;
  result.statistics.assign(statistics.begin(), statistics.end());
  const Decision unknown = [](size_t, size_t, size_t) { return -2; };
  State state{parameters, unknown, result, false};
  Values z = through(stagesOf(plan, state), plan, batch);
  const size_t classes = plan.outputSize;
  for (size_t i = 0; i < z.size(); i += classes) {
    double sum = 0;
    for (size_t c = 0; c < classes; ++c) sum += std::exp(z[i + c]);
    for (size_t c = 0; c < classes; ++c) z[i + c] = std::exp(z[i + c]) / sum;
  }
  return z;
}

}  // namespace convsweep::test
