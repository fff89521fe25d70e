#include "bench/gpu/probe/regression.h"

#include <cuda_runtime.h>

#include <chrono>
#include <cmath>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "backend/error.h"
#include "bench/gpu/probe/call_fact.h"
#include "bench/gpu/probe/distance.h"
#include "engine/network.h"

namespace convsweep::probe {
namespace {

constexpr size_t kPixels = 144, kClasses = 10, kWeights = kPixels * kClasses;
/** Of an epoch: the first step runs as it comes, the second is recorded, the others are replays. */
constexpr size_t kSteps = 4;
constexpr size_t kTimedSteps = 64;

std::vector<Layer> layers() {
  Layer rescaling;
  rescaling.type = "Rescaling";
  rescaling.inputShape = rescaling.outputShape = {static_cast<int>(kPixels)};
  rescaling.scale = 1.0f / 255;
  Layer dense;
  dense.type = "Dense";
  dense.inputShape = {static_cast<int>(kPixels)};
  dense.outputShape = {static_cast<int>(kClasses)};
  dense.activation = "softmax";
  return {rescaling, dense};
}

struct State {
  std::vector<float> parameters, m, v;
  bool operator==(const State&) const = default;
  StateView view() { return {parameters, {}, m, v}; }
};

struct Images {
  std::vector<uint8_t> pixels, labels;
};

/** A step, or several, of a network that starts from a given state. */
class Regression {
 public:
  Regression(const DeviceDataset& data, State state, int64_t iterations, bool tf32)
      : data_(data), network_(0, layers(), {}, {0, tf32 ? Precision::Tf32 : Precision::Fp32}) {
    network_.writeState(state.view());
    network_.setIterations(iterations);
  }

  double train(std::vector<uint32_t> rows, size_t n) {
    const std::vector<uint32_t> sizes(rows.size() / n, static_cast<uint32_t>(n));
    return network_.trainEpoch(data_, rows, sizes, control_).loss;
  }
  double gradients(const std::vector<uint32_t>& rows, std::vector<float>& out) {
    out.resize(network_.plan().parameterCount);
    return network_.gradients(data_, rows, out.data());
  }
  std::vector<float> predict(const std::vector<uint32_t>& rows) {
    std::vector<float> out(rows.size() * kClasses);
    network_.predict(data_, rows, rows.size(), false, out.data(), control_);
    return out;
  }
  State state() {
    const size_t count = network_.plan().parameterCount;
    State state{std::vector<float>(count), std::vector<float>(count), std::vector<float>(count)};
    network_.readState(state.view());
    return state;
  }

 private:
  const DeviceDataset& data_;
  Control control_;
  Network network_;
};

Images randomImages(size_t count) {
  std::mt19937 random(1);
  Images images;
  for (size_t i = 0; i < count * kPixels; ++i) images.pixels.push_back(static_cast<uint8_t>(random() % 256));
  for (size_t i = 0; i < count; ++i) images.labels.push_back(static_cast<uint8_t>(random() % kClasses));
  return images;
}

State randomState() {
  std::mt19937 random(2);
  std::normal_distribution<float> normal(0, 0.1f);
  State state{std::vector<float>(kWeights + kClasses), std::vector<float>(kWeights + kClasses),
              std::vector<float>(kWeights + kClasses)};
  for (float& weight : state.parameters) weight = normal(random);
  return state;
}

struct Exact {
  double loss = 0;
  std::vector<double> probabilities, gradients;
};

Exact exactStep(const Images& images, const std::vector<uint32_t>& rows, const std::vector<float>& weights) {
  Exact exact;
  exact.gradients.resize(weights.size());
  const double n = static_cast<double>(rows.size());
  for (const uint32_t row : rows) {
    const uint8_t* const pixels = images.pixels.data() + row * kPixels;
    std::vector<double> logits(weights.begin() + kWeights, weights.end());
    const auto x = [&](size_t p) { return pixels[p] * double{1.0f / 255}; };
    for (size_t p = 0; p < kPixels; ++p) {
      for (size_t c = 0; c < kClasses; ++c) logits[c] += x(p) * weights[p * kClasses + c];
    }
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit);
    const uint8_t label = images.labels[row];
    exact.loss += (std::log(sum) - logits[label]) / n;
    for (size_t c = 0; c < kClasses; ++c) {
      const double probability = std::exp(logits[c]) / sum, gradient = (probability - (c == label)) / n;
      exact.probabilities.push_back(probability);
      for (size_t p = 0; p < kPixels; ++p) exact.gradients[p * kClasses + c] += gradient * x(p);
      exact.gradients[kWeights + c] += gradient;
    }
  }
  return exact;
}

/** Where Adam's first step leads from `before` with the gradients that the device has. */
std::vector<double> exactAdam(const State& before, const std::vector<float>& gradients) {
  const Adam adam;
  std::vector<double> after;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const double g = gradients[i], m = (1 - double{adam.beta1}) * g, v = (1 - double{adam.beta2}) * g * g;
    after.push_back(before.parameters[i] - double{adam.stepSize(1)} * m / (std::sqrt(v) + adam.epsilon));
  }
  return after;
}

void measure(size_t n, bool tf32, Fact& fact) {
  const Images images = randomImages(kSteps * n);
  const auto data =
      backend::createDataset(0, images.pixels.data(), images.labels.data(), kSteps * n, kPixels);
  std::vector<uint32_t> all(kSteps * n);
  std::iota(all.begin(), all.end(), 0u);
  const auto batch = [&](size_t step) {
    const auto from = all.begin() + static_cast<ptrdiff_t>(step * n);
    return std::vector<uint32_t>(from, from + static_cast<ptrdiff_t>(n));
  };
  const State start = randomState();

  Regression first(*data, start, 0, tf32);
  std::vector<float> gradients;
  const double loss = first.gradients(batch(0), gradients);
  const Exact exact = exactStep(images, batch(0), start.parameters);
  const std::vector<float> probabilities = first.predict(batch(0));
  first.train(batch(0), n);
  const State afterOne = first.state();
  fact.object("distance", Fact()
                              .number("loss", std::abs(loss - exact.loss) / exact.loss)
                              .number("output", distance(probabilities, exact.probabilities))
                              .number("firstGradient", distance(gradients, exact.gradients))
                              .number("adam", distance(afterOne.parameters, exactAdam(start, gradients))));

  const auto trained = [&] {
    Regression network(*data, start, 0, tf32);
    network.train(all, n);
    return network.state();
  };
  const State whole = trained();
  bool repeats = true;
  for (int i = 1; i < 5; ++i) repeats &= trained() == whole;
  fact.flag("repeats", repeats);
  // Each step in a network of its own runs as it comes.
  State state = start;
  for (size_t step = 0; step < kSteps; ++step) {
    Regression network(*data, state, static_cast<int64_t>(step), tf32);
    network.train(batch(step), n);
    state = network.state();
  }
  fact.flag("recordedAsRun", state == whole);

  Regression timed(*data, start, 0, tf32);
  std::vector<uint32_t> rows;
  for (size_t i = 0; i < kTimedSteps * n; ++i) rows.push_back(static_cast<uint32_t>(i % all.size()));
  timed.train(rows, n);
  const auto begin = std::chrono::steady_clock::now();
  timed.train(rows, n);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  fact.object("step", Fact().number("microseconds", took.count() / kTimedSteps));
}

}  // namespace

bool checkRegression(size_t n, bool tf32) {
  return printCallFact(kRegression, n, tf32, 0, [=](Fact& fact) { measure(n, tf32, fact); });
}

}  // namespace convsweep::probe
