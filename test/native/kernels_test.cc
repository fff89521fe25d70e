// Trains one step of small networks on the CPU backend and compares everything with double precision. Run
// once per instruction set, with CONVSWEEP_ISA naming it.
#include "cpu/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <string>

#include "cpu/block.h"
#include "cpu/conv/block.h"
#include "cpu/stem/stem.h"
#include "engine/make_plan.h"
#include "engine/network.h"
#include "test/native/reference.h"

namespace convsweep::test {
namespace {

int failures = 0;

void check(bool condition, const std::string& what) {
  if (condition) return;
  std::printf("FAILED: %s\n", what.c_str());
  ++failures;
}

// ---- Networks ---------------------------------------------------------------------------------------------

class Builder {
 public:
  Builder(int height, int width, int channels) : shape_{height, width, channels} {}

  Builder& rescale(float scale, float offset) {
    Layer& layer = add("Rescaling", shape_);
    layer.scale = scale;
    layer.offset = offset;
    return *this;
  }
  Builder& conv(int filters, int window = 3, int stride = 1, bool same = false, bool bias = true,
                const char* activation = "relu") {
    const auto extent = [&](int in) {
      return same ? (in + stride - 1) / stride : (in - window) / stride + 1;
    };
    Layer& layer = add("Conv2D", {extent(shape_[0]), extent(shape_[1]), filters});
    layer.activation = activation;
    layer.window = {window, window};
    layer.strides = {stride, stride};
    layer.useBias = bias;
    return *this;
  }
  Builder& pool(int window = 2, int stride = 2, bool same = false) {
    const auto extent = [&](int in) {
      return same ? (in + stride - 1) / stride : (in - window) / stride + 1;
    };
    Layer& layer = add("MaxPooling2D", {extent(shape_[0]), extent(shape_[1]), shape_[2]});
    layer.window = {window, window};
    layer.strides = {stride, stride};
    return *this;
  }
  Builder& norm() {
    Layer& layer = add("BatchNormalization", shape_);
    layer.momentum = 0.99;
    layer.epsilon = 1e-3f;
    return *this;
  }
  Builder& relu() {
    add("Activation", shape_).activation = "relu";
    return *this;
  }
  Builder& flatten() {
    add("Flatten", {std::accumulate(shape_.begin(), shape_.end(), 1, std::multiplies<>())});
    return *this;
  }
  Builder& dense(int units, const char* activation = "relu") {
    add("Dense", {units}).activation = activation;
    return *this;
  }
  std::vector<Layer> layers;
  /** The lesser of the map's sides. */
  int side() const { return std::min(shape_[0], shape_[1]); }

 private:
  Layer& add(const char* type, std::vector<int> out) {
    Layer layer;
    layer.type = type;
    layer.inputShape = shape_;
    layer.outputShape = shape_ = std::move(out);
    return layers.emplace_back(layer);
  }
  std::vector<int> shape_;
};

/** The notebook's network with other sizes. */
std::vector<Layer> stemNetwork(int height, int width, int filters1, int filters2, std::vector<int> widths,
                               float offset = 0, bool bias = true) {
  Builder builder(height, width, 1);
  builder.rescale(1.0f / 255, offset).conv(filters1, 3, 1, false, bias).pool().norm();
  builder.conv(filters2, 3, 1, false, bias).pool().norm().flatten();
  for (const int units : widths) builder.dense(units).norm();
  builder.dense(10, "softmax");
  return builder.layers;
}

struct Weights {
  std::vector<float> parameters, statistics;
};

/** Glorot-uniform kernels; biases, gammas and betas a little off their usual start. */
Weights randomWeights(const Plan& plan, std::mt19937& random) {
  Weights weights{std::vector<float>(plan.parameterCount), std::vector<float>(plan.statisticCount)};
  const auto fill = [&](size_t first, size_t count, float centre, float spread) {
    std::uniform_real_distribution<float> uniform(centre - spread, centre + spread);
    std::generate_n(weights.parameters.begin() + static_cast<long>(first), count,
                    [&] { return uniform(random); });
  };
  for (const BlockSpec& block : plan.blocks) {
    if (const auto* conv = std::get_if<ConvSpec>(&block)) {
      const size_t window = static_cast<size_t>(conv->window.height * conv->window.width);
      const size_t in = static_cast<size_t>(conv->in.channels), out = static_cast<size_t>(conv->out.channels);
      fill(conv->parameters.first, window * in * out, 0,
           std::sqrt(6.0f / static_cast<float>(window * (in + out))));
      if (conv->bias) fill(conv->parameters.second, out, 0, 0.1f);
    }
    if (const auto* dense = std::get_if<DenseSpec>(&block)) {
      fill(dense->parameters.first, dense->in * dense->out, 0,
           std::sqrt(6.0f / static_cast<float>(dense->in + dense->out)));
      if (dense->bias) fill(dense->parameters.second, dense->out, 0, 0.1f);
    }
    if (const auto* norm = std::get_if<NormSpec>(&block)) {
      fill(norm->parameters.first, norm->channels, 1, 0.2f);
      fill(norm->parameters.second, norm->channels, 0, 0.2f);
      std::fill_n(weights.statistics.begin() + static_cast<long>(norm->statistics + norm->channels),
                  norm->channels, 1.0f);
    }
  }
  return weights;
}

enum class Pixels { Strokes, Dense, Blank, Uniform, Mixed };

Batch randomBatch(size_t n, int height, int width, int channels, Pixels kind, std::mt19937& random) {
  Batch batch;
  for (size_t i = 0; i < n; ++i) {
    std::vector<uint8_t> image(static_cast<size_t>(height * width * channels));
    const Pixels drawn = kind != Pixels::Mixed ? kind : static_cast<Pixels>(i % 4);
    const uint8_t label = static_cast<uint8_t>(random() % 10);
    if (drawn == Pixels::Dense)
      std::generate(image.begin(), image.end(), [&] { return static_cast<uint8_t>(random()); });
    if (drawn == Pixels::Uniform)
      std::fill(image.begin(), image.end(), static_cast<uint8_t>(1 + random() % 255));
    if (drawn == Pixels::Strokes) {
      // Strokes that curve by the label, so that there is something to learn.
      double y = height / 2, x = width / 2, angle = label * 0.6;
      for (int step = 0; step < 60; ++step) {
        image[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
              static_cast<size_t>(channels)] = static_cast<uint8_t>(100 + random() % 156);
        angle += (label - 4.5) * 0.08 + (static_cast<double>(random() % 100) / 100 - 0.5) * 0.4;
        y = std::clamp(y + std::sin(angle), 2.0, height - 3.0);
        x = std::clamp(x + std::cos(angle), 2.0, width - 3.0);
      }
    }
    batch.images.insert(batch.images.end(), image.begin(), image.end());
    batch.labels.push_back(label);
  }
  return batch;
}

// ---- One step ---------------------------------------------------------------------------------------------

std::vector<uint32_t> upTo(size_t n) {
  std::vector<uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  return rows;
}

/** What a session decided in its last forward pass in training mode. */
Decision decisionsOf(Session& session, const Plan& plan) {
  auto* const stem = dynamic_cast<cpu::ConvStem*>(session.blocks()[0].get());
  // The session's block for each of the plan's.
  std::vector<const Block*> blockOf(stem ? cpu::StemSpec::kBlocks : 0, stem);
  for (size_t b = stem ? 1 : 0; blockOf.size() < plan.blocks.size(); ++b) {
    const std::span<const BlockSpec> left = std::span(plan.blocks).subspan(blockOf.size());
    blockOf.insert(blockOf.end(), cpu::blocksAsOne(left), session.blocks()[b].get());
  }
  // Of a block whose output is deferred, by block and image.
  std::map<std::pair<size_t, size_t>, std::vector<float>> made;
  return [stem, blockOf, made, &plan](size_t block, size_t image, size_t element) mutable -> int {
    if (stem && (block == 0 || block == 2)) {
      const Extent out = std::get<ConvSpec>(plan.blocks[block]).pool->out;
      const size_t filters = static_cast<size_t>(out.channels), width = static_cast<size_t>(out.width);
      const size_t f = element % filters, x = element / filters % width, y = element / filters / width;
      return block == 0 ? stem->firstWinner(image, y, x, f) : stem->secondWinner(image, y, x, f);
    }
    if (const auto* conv = dynamic_cast<const cpu::ConvBlock*>(blockOf[block]))
      return conv->winner(image, element);
    const auto* dense = std::get_if<DenseSpec>(&plan.blocks[block]);
    if (!(dense && dense->relu) && !std::holds_alternative<ReluSpec>(plan.blocks[block])) return -2;
    const auto& node = dynamic_cast<const cpu::CpuBlock&>(*blockOf[block]).output();
    if (!node.deferred) return node.values[image * node.size + element] > 0 ? 0 : -1;
    std::vector<float>& values = made[{block, image}];
    if (values.empty()) {
      values.resize(node.size);
      node.deferred->values(image, image + 1, values.data());
    }
    return values[element] > 0 ? 0 : -1;
  };
}

double norm(const std::vector<double>& values, size_t first, size_t count) {
  double sum = 0;
  for (size_t i = first; i < first + count; ++i) sum += values[i] * values[i];
  return std::sqrt(sum);
}

struct Tensor {
  std::string name;
  size_t first, count;
};

std::vector<Tensor> tensorsOf(const Plan& plan) {
  std::vector<Tensor> tensors;
  for (size_t b = 0; b < plan.blocks.size(); ++b) {
    const std::string name = std::to_string(b);
    if (const auto* conv = std::get_if<ConvSpec>(&plan.blocks[b])) {
      const size_t out = static_cast<size_t>(conv->out.channels);
      tensors.push_back(
          {"conv " + name, conv->parameters.first, conv->parameters.second - conv->parameters.first});
      if (conv->bias) tensors.push_back({"conv bias " + name, conv->parameters.second, out});
    }
    if (const auto* dense = std::get_if<DenseSpec>(&plan.blocks[b])) {
      tensors.push_back(
          {"dense " + name, dense->parameters.first, dense->parameters.second - dense->parameters.first});
      if (dense->bias) tensors.push_back({"dense bias " + name, dense->parameters.second, dense->out});
    }
    if (const auto* norm = std::get_if<NormSpec>(&plan.blocks[b])) {
      tensors.push_back({"gamma " + name, norm->parameters.first, norm->channels});
      tensors.push_back({"beta " + name, norm->parameters.second, norm->channels});
    }
  }
  return tensors;
}

Weights stateOf(Network& network) {
  Weights state{std::vector<float>(network.plan().parameterCount),
                std::vector<float>(network.plan().statisticCount)};
  StateView view;
  view.parameters = state.parameters;
  view.statistics = state.statistics;
  network.readState(view);
  return state;
}

void start(Network& network, Weights weights) {
  StateView view;
  view.parameters = weights.parameters;
  view.statistics = weights.statistics;
  network.writeState(view);
}

/** After `steps` steps on the first n images. */
Weights trained(const std::vector<Layer>& layers, Weights weights, const DeviceDataset& dataset, size_t n,
                size_t steps) {
  Network network(0, layers, Adam{}, {1});
  start(network, std::move(weights));
  Control control;
  const std::vector<uint32_t> sizes{static_cast<uint32_t>(n)};
  for (size_t i = 0; i < steps; ++i) network.trainEpoch(dataset, upTo(n), sizes, control);
  return stateOf(network);
}

/**
 * `tolerance`: of each tensor's gradient, ||g - reference|| / ||reference||. `floor`: the same relative to
 * the whole gradient, for tensors whose gradient is zero but for rounding.
 */
void compareStep(const std::string& name, const std::vector<Layer>& layers, size_t n, Pixels pixels,
                 unsigned seed, bool stem, double tolerance, double floor, size_t steps = 0) {
  std::mt19937 random(seed);
  const Plan plan = makePlan(layers);
  Weights weights = randomWeights(plan, random);
  const auto& shape = layers.front().inputShape;
  const Batch batch = randomBatch(n, shape[0], shape[1], shape[2], pixels, random);
  const auto dataset = backend::createDataset(0, batch.images.data(), batch.labels.data(), n, plan.imageSize);
  const auto rows = upTo(n);
  if (steps > 0) weights = trained(layers, std::move(weights), *dataset, n, steps);

  const Adam adam;
  const auto session = backend::createSession(0, plan, adam, {});
  check((dynamic_cast<cpu::ConvStem*>(session->blocks()[0].get()) != nullptr) == stem,
        name + ": takes the expected path");
  Weights state = weights;
  StateView view;
  view.parameters = state.parameters;
  view.statistics = state.statistics;
  session->writeState(view);
  session->bind(*dataset, rows);
  session->resetTotals();
  session->beginStep(1);
  session->input().load(0, n);
  for (const auto& block : session->blocks()) block->forward(n, Mode::Training);
  session->loss().forward(n, Mode::Training);
  const ReferenceResult expected =
      referenceStep(plan, weights.parameters, weights.statistics, batch, decisionsOf(*session, plan));
  for (size_t b = session->blocks().size(); b-- > 0;) session->blocks()[b]->backward(n);
  std::vector<float> gradients(plan.parameterCount);
  session->readGradients(gradients.data());

  const double loss = session->totals().loss / static_cast<double>(n);
  check(std::abs(loss - expected.loss) < 1e-5 * std::abs(expected.loss), name + ": loss");
  check(expected.largestGap < 2e-6,
        name + ": decisions differ by rounding only, not " + std::to_string(expected.largestGap));
  std::vector<double> error(gradients.size());
  for (size_t i = 0; i < error.size(); ++i) error[i] = gradients[i] - expected.gradients[i];
  const double whole = norm(expected.gradients, 0, error.size());
  double worst = 0;
  std::string worstName;
  for (const Tensor& tensor : tensorsOf(plan)) {
    const double off = norm(error, tensor.first, tensor.count),
                 size = norm(expected.gradients, tensor.first, tensor.count);
    check(off <= tolerance * size + floor * whole,
          name + ": gradient of " + tensor.name + ", off by " + std::to_string(off / size * 1e6) +
              "e-6, of the whole gradient " + std::to_string(off / whole * 1e6) + "e-6");
    if (off / size > worst) worst = off / size, worstName = tensor.name;
  }

  session->readState(view);
  for (size_t i = 0; i < state.statistics.size(); ++i) {
    check(std::abs(state.statistics[i] - expected.statistics[i]) <
              2e-6 * std::max(1.0, std::abs(expected.statistics[i])),
          name + ": statistic " + std::to_string(i));
  }
  check(state.parameters == weights.parameters, name + ": parameters are read as they were written");

  session->adam();
  std::vector<float> m(plan.parameterCount), v(plan.parameterCount);
  view.m = m;
  view.v = v;
  session->readState(view);
  double adamError = 0;
  for (size_t i = 0; i < gradients.size(); ++i) {
    const double g = gradients[i], m1 = g * (1 - adam.beta1), v1 = g * g * (1 - adam.beta2);
    const double w = weights.parameters[i] - adam.stepSize(1) * m1 / (std::sqrt(v1) + adam.epsilon);
    adamError = std::max({adamError, std::abs(w - state.parameters[i]) / std::max(1e-3, std::abs(w)),
                          std::abs(m[i] - m1) / (std::abs(m1) + 1e-12), std::abs(v[i] - v1) / (v1 + 1e-12)});
  }
  check(adamError < 2e-6, name + ": Adam, off by " + std::to_string(adamError * 1e6) + "e-6");
  std::printf("%-44s loss %.6f, worst gradient %.1e (%s), %zu near-ties (gap %.0e)\n", name.c_str(), loss,
              worst, worstName.c_str(), expected.adopted, expected.largestGap);
}

// ---- Other properties -------------------------------------------------------------------------------------

/** Same weights, same images: the same bits, after batches of several sizes. */
void checkRepeatability() {
  std::mt19937 random(3);
  const auto layers = stemNetwork(28, 28, 28, 28, {61, 33});
  const Weights weights = randomWeights(makePlan(layers), random);
  const Batch batch = randomBatch(229, 28, 28, 1, Pixels::Mixed, random);
  const auto dataset = backend::createDataset(0, batch.images.data(), batch.labels.data(), 229, 784);
  Control control;
  const auto run = [&](const std::vector<uint32_t>& before) {
    Network network(0, layers, Adam{}, {1});
    if (!before.empty()) {
      start(network, weights);
      network.trainEpoch(*dataset, upTo(std::accumulate(before.begin(), before.end(), 0u)), before, control);
      network.evaluate(*dataset, upTo(229), 9, control);
      std::vector<float> zeros(network.plan().parameterCount);
      StateView view;
      view.m = view.v = zeros;
      network.writeState(view);
      network.setIterations(0);
    }
    start(network, weights);
    // Growing: as where a shuffled epoch begins with its smaller batch.
    const std::vector<uint32_t> sizes{100, 1, 128};
    network.trainEpoch(*dataset, upTo(229), sizes, control);
    return std::pair{stateOf(network), network.evaluate(*dataset, upTo(229), 9, control)};
  };
  const auto [state, metrics] = run({});
  const auto [state2, metrics2] = run({229});
  check(state.parameters == state2.parameters && state.statistics == state2.statistics,
        "training repeats bit for bit");
  check(metrics.loss == metrics2.loss && metrics.accuracy == metrics2.accuracy,
        "evaluation repeats bit for bit");
}

/** Inference does not depend on how the images are grouped, and agrees with the definition. */
void compareInference(const std::string& name, const std::vector<Layer>& layers, Pixels pixels,
                      unsigned seed) {
  constexpr size_t kImages = 53;
  std::mt19937 random(seed);
  Network network(0, layers, Adam{}, {1});
  Weights weights = randomWeights(network.plan(), random);
  std::uniform_real_distribution<float> off(0.05f, 0.6f);
  for (float& s : weights.statistics) s += off(random);
  start(network, weights);
  const auto& shape = layers.front().inputShape;
  const Batch batch = randomBatch(kImages, shape[0], shape[1], shape[2], pixels, random);
  const auto dataset =
      backend::createDataset(0, batch.images.data(), batch.labels.data(), kImages, network.plan().imageSize);
  Control control;
  std::vector<float> whole(kImages * 10), parts(kImages * 10);
  network.predict(*dataset, upTo(kImages), kImages, false, whole.data(), control);
  network.predict(*dataset, upTo(kImages), 7, false, parts.data(), control);
  check(whole == parts, name + ": predictions do not depend on the batch size");
  const std::vector<double> expected =
      referenceProbabilities(network.plan(), weights.parameters, weights.statistics, batch);
  double worst = 0, loss = 0;
  for (size_t i = 0; i < whole.size(); ++i) worst = std::max(worst, std::abs(whole[i] - expected[i]));
  check(worst < 1e-5, name + ": probabilities, off by " + std::to_string(worst * 1e6) + "e-6");
  for (size_t i = 0; i < kImages; ++i) {
    const double sum = std::accumulate(whole.begin() + static_cast<long>(i * 10),
                                       whole.begin() + static_cast<long>(i * 10 + 10), 0.0);
    check(std::abs(sum - 1) < 1e-6, name + ": probabilities add up");
  }
  for (size_t i = 0; i < kImages; ++i) loss -= std::log(expected[i * 10 + batch.labels[i]]) / kImages;
  check(std::abs(network.evaluate(*dataset, upTo(kImages), 20, control).loss - loss) < 1e-5 * loss,
        name + ": loss of an evaluation");
}

/** Batch norm behind convolutions, which is folded into some; pooling behind that. */
void checkInference() {
  compareInference("notebook", stemNetwork(28, 28, 20, 28, {30}), Pixels::Mixed, 4);
  std::mt19937 random(41);
  const auto draw = [&](int from, int to) {
    return from + static_cast<int>(random() % static_cast<unsigned>(to - from + 1));
  };
  for (int number = 0; number < 32; ++number) {
    Builder builder(draw(12, 24), draw(12, 24), draw(1, 3));
    builder.rescale(1.0f / 255, 0);
    for (int layers = draw(1, 2); layers > 0; --layers) {
      builder.conv(draw(1, 40), std::min(draw(0, 2) * 2 + 1, builder.side()), draw(1, 3) / 3 + 1, draw(0, 1),
                   draw(0, 1), draw(0, 3) ? "linear" : "relu");
      if (draw(0, 3) == 0) builder.pool(2, 2, true);
      builder.norm();
      if (draw(0, 2)) builder.relu();
      for (int pools = draw(0, 2); pools > 0; --pools) builder.pool(draw(2, 3), draw(1, 2), true);
    }
    builder.flatten().dense(draw(5, 20)).norm().dense(10, "softmax");
    const std::string name = "inference " + std::to_string(number);
    compareInference(name, builder.layers, number % 2 ? Pixels::Dense : Pixels::Mixed,
                     static_cast<unsigned>(300 + number));
  }
}

/** A network that has diverged says so. */
void checkNotANumber() {
  std::mt19937 random(5);
  const auto layers = stemNetwork(28, 28, 28, 28, {16});
  const Plan plan = makePlan(layers);
  const Batch batch = randomBatch(5, 28, 28, 1, Pixels::Mixed, random);
  const auto dataset = backend::createDataset(0, batch.images.data(), batch.labels.data(), 5, 784);
  Control control;
  const Weights weights = randomWeights(plan, random);
  for (const Tensor& tensor : tensorsOf(plan)) {
    for (const bool training : {true, false}) {
      Network network(0, layers, Adam{}, {1});
      Weights broken = weights;
      broken.parameters[tensor.first] = std::numeric_limits<float>::quiet_NaN();
      start(network, broken);
      const std::vector<uint32_t> sizes{5};
      const double loss = training ? network.trainEpoch(*dataset, upTo(5), sizes, control).loss
                                   : network.evaluate(*dataset, upTo(5), 5, control).loss;
      check(std::isnan(loss),
            std::string("NaN in ") + tensor.name + (training ? " while training" : " in evaluation"));
    }
  }
}

/** Where several values of a pooling window are equal, the first wins. */
void checkTies() {
  const PoolSpec spec{{2, 4, 3}, {1, 2, 3}, {2, 2, 2, 2, 0, 0}};
  std::vector<float> x(24, 1.5f), out(6);
  x[(1 * 4 + 3) * 3 + 2] = 2;  // last place of the second window's third channel
  x.resize(24 + cpu::kSlack);
  std::vector<int32_t> winners(6, 99);
  cpu::kernels().poolRow(spec, x.data(), 3, {0, 0, 2}, false, 10, 1, nullptr, out.data(), winners.data());
  check(winners == std::vector<int32_t>({0, 0, 0, 2, 2, 13}), "the first of equal values wins");

  std::mt19937 random(6);
  const Plan plan = makePlan(stemNetwork(28, 28, 28, 28, {16}));
  const Weights weights = randomWeights(plan, random);
  const Batch batch = randomBatch(2, 28, 28, 1, Pixels::Blank, random);
  const auto dataset = backend::createDataset(0, batch.images.data(), batch.labels.data(), 2, 784);
  const auto session = backend::createSession(0, plan, {}, {});
  Weights state = weights;
  StateView view;
  view.parameters = state.parameters;
  view.statistics = state.statistics;
  session->writeState(view);
  const auto rows = upTo(2);
  session->bind(*dataset, rows);
  session->beginStep(1);
  session->input().load(0, 2);
  session->blocks()[0]->forward(2, Mode::Training);
  auto& stem = dynamic_cast<cpu::ConvStem&>(*session->blocks()[0]);
  for (size_t f = 0; f < 28; ++f) {
    check(stem.firstWinner(1, 6, 6, f) <= 0 && stem.secondWinner(1, 2, 2, f) <= 0,
          "the first place wins in a blank image");
  }
}

void checkGemm() {
  std::mt19937 random(8);
  std::uniform_real_distribution<float> uniform(-1, 1);
  for (const auto& [m, n, k] : {std::tuple<size_t, size_t, size_t>{1, 1, 1},
                                {13, 17, 300},
                                {128, 100, 129},
                                {7, 50, 5},
                                {29, 33, 64},
                                {300, 130, 40},
                                {3, 3, 3}}) {
    std::vector<cpu::ValueList> lists(cpu::kListedRows);
    for (int layout = 0; layout < 8; ++layout) {
      const bool transposeA = layout & 1, transposeB = layout & 2, zeros = layout & 4;
      std::vector<float> a(m * k), b(k * n), c(m * n, 0.5f), scratch(cpu::kGemmScratch);
      std::generate(a.begin(), a.end(), [&] { return uniform(random); });
      // So many that they are left out, side by side in both directions.
      for (size_t i = 0; i < a.size(); ++i) a[i] = zeros && (i / 3 + i / 50) % 8 != 0 ? 0 : a[i];
      std::generate(b.begin(), b.end(), [&] { return uniform(random); });
      cpu::kernels().gemm(m, n, k, {a.data(), transposeA ? 1 : k, transposeA ? m : 1},
                          {b.data(), transposeB ? 1 : n, transposeB ? k : 1}, c.data(), n, scratch.data(),
                          lists.data());
      double worst = 0;
      for (size_t i = 0; i < m; ++i) {
        for (size_t j = 0; j < n; ++j) {
          double sum = 0;
          for (size_t p = 0; p < k; ++p)
            sum += static_cast<double>(a[transposeA ? p * m + i : i * k + p]) *
                   b[transposeB ? j * k + p : p * n + j];
          worst = std::max(worst, std::abs(sum - c[i * n + j]));
        }
      }
      check(worst < 1e-5, "matrix product " + std::to_string(m) + " x " + std::to_string(n) + " x " +
                              std::to_string(k) + " in layout " + std::to_string(layout));
    }
  }
}

/** Has convolutions made by one implementation wherever it applies; by the fastest if `way` is empty. */
void convolveBy(const char* way) {
#if defined(_WIN32)
  _putenv_s("CONVSWEEP_CONVOLUTION", way);
#else
  setenv("CONVSWEEP_CONVOLUTION", way, 1);
#endif
}

/** Networks drawn at random, with each implementation of convolutions in turn. */
void checkConvolutions() {
  std::mt19937 random(9);
  const auto draw = [&](int from, int to) {
    return from + static_cast<int>(random() % static_cast<unsigned>(to - from + 1));
  };
  for (int number = 0; number < 24; ++number) {
    Builder builder(draw(9, 24), draw(9, 24), draw(1, 4));
    builder.rescale(1.0f / 255, draw(0, 3) == 0 ? -0.5f : 0);
    std::string name = std::to_string(number) + ":";
    for (int layers = draw(1, 3); layers > 0; --layers) {
      const bool same = draw(0, 1), bias = draw(0, 2) > 0, relu = draw(0, 3) > 0;
      const int widest = same ? 7 : std::min(builder.side(), 7);
      const int window = draw(0, 2) == 0 ? draw(1, widest) : std::min(draw(1, 2) * 2 + 1, widest);
      const int stride = draw(0, 3) == 0 ? draw(2, 3) : 1,
                filters = draw(0, 1) ? draw(1, 70) : draw(1, 4) * 8;
      builder.conv(filters, window, stride, same, bias, relu ? "relu" : "linear");
      name.append(" ").append(std::to_string(filters)).append(" of ").append(std::to_string(window));
      name.append("/").append(std::to_string(stride)).append(same ? " same" : "");
      name.append(bias ? "" : " no bias").append(relu ? "" : " linear");
      if (draw(0, 1)) {
        const int pool = draw(0, 2) ? 2 : draw(1, 3), step = draw(0, 2) ? pool : draw(1, 3);
        const bool samePool = pool > builder.side() || draw(0, 3) == 0;
        builder.pool(pool, step, samePool);
        name.append(" pool ").append(std::to_string(pool)).append("/").append(std::to_string(step));
        name.append(samePool ? " same" : "");
      }
      if (draw(0, 2) == 0) {
        builder.norm();
        name += " norm";
        if (draw(0, 1)) {
          builder.relu();
          name += " relu";
        }
      }
    }
    builder.flatten().dense(10, "softmax");
    const size_t n = static_cast<size_t>(draw(17, 40));
    for (const char* way : {"plain", "direct", "planes", "winograd"}) {
      convolveBy(way);
      // Blank parts of images are left out.
      const Pixels pixels = number % 2 == 0 ? Pixels::Dense : Pixels::Strokes;
      compareStep(name + " by " + way, builder.layers, n, pixels, static_cast<unsigned>(100 + number), false,
                  1e-5, 1e-6);
    }
  }
  const auto notebook = stemNetwork(28, 28, 28, 28, {30});
  for (const char* way : {"stem", "plain", "direct", "planes", "winners", "winograd"}) {
    convolveBy(way);
    compareStep(std::string("notebook by ") + way, notebook, 24, Pixels::Strokes, 150,
                way == std::string("stem"), 1e-5, 1e-6);
  }
  convolveBy("");
}

int run() {
  std::printf("%s\n", cpu::kernels().name);
  checkGemm();
  checkTies();
  const auto notebook = stemNetwork(28, 28, 28, 28, {100, 80, 60});
  compareStep("notebook, strokes, 128", notebook, 128, Pixels::Strokes, 11, true, 1e-5, 0);
  compareStep("notebook, dense, 128", notebook, 128, Pixels::Dense, 12, true, 1e-5, 0);
  compareStep("notebook, strokes, 128, trained", notebook, 128, Pixels::Strokes, 31, true, 1e-5, 0, 20);
  // Where a network has all but memorised its batch, the gradients of the images cancel to a fraction of
  // their size.
  compareStep("notebook, strokes, 128, memorised", notebook, 128, Pixels::Strokes, 32, true, 3e-5, 0, 100);
  compareStep("notebook, dense, 128, memorised", notebook, 128, Pixels::Dense, 33, true, 3e-5, 0, 20);
  compareStep("notebook, mixed, 64", notebook, 64, Pixels::Mixed, 13, true, 1e-5, 0);
  compareStep("odd widths, strokes, 48", stemNetwork(28, 28, 27, 19, {61, 83, 77}), 48, Pixels::Strokes, 14,
              true, 1e-5, 0);
  compareStep("16 and 5 filters, mixed, 40", stemNetwork(28, 28, 16, 5, {33}), 40, Pixels::Mixed, 15, true,
              1e-5, 0);
  compareStep("3 and 33 filters, 19 x 30, dense, 32", stemNetwork(19, 30, 3, 33, {20}), 32, Pixels::Dense, 16,
              true, 1e-5, 0);
  compareStep("64 x 64, 17 and 8 filters, strokes, 24", stemNetwork(64, 64, 17, 8, {12}), 24, Pixels::Strokes,
              17, true, 1e-5, 0);
  compareStep("10 x 11, 4 and 4 filters, mixed, 64", stemNetwork(10, 11, 4, 4, {12}), 64, Pixels::Mixed, 18,
              true, 1e-5, 0);
  compareStep("offset, strokes, 32", stemNetwork(28, 28, 28, 28, {32}, -0.5f), 32, Pixels::Strokes, 19, true,
              1e-5, 0);
  compareStep("no bias, strokes, 32", stemNetwork(28, 28, 28, 28, {32}, 0, false), 32, Pixels::Strokes, 20,
              true, 1e-5, 0);
  // All rows are equal, so the true gradient before a batch norm is 0, and each norm divides rounding by
  // sqrt(epsilon).
  compareStep("all blank, 8", stemNetwork(28, 28, 28, 28, {}), 8, Pixels::Blank, 21, true, 1e-5, 1e-4);
  // Batch norm over few rows, or over rows that hardly differ, amplifies rounding.
  compareStep("notebook, uniform, 8", notebook, 8, Pixels::Uniform, 22, true, 1e-3, 1e-5);
  compareStep("notebook, strokes, 3", notebook, 3, Pixels::Strokes, 23, true, 1e-3, 1e-5);
  compareStep("notebook, strokes, 1", notebook, 1, Pixels::Strokes, 24, true, 1e-3, 1e-5);

  Builder strided(17, 14, 3);
  strided.rescale(1.0f / 255, 0)
      .conv(9, 5, 2, true)
      .norm()
      .conv(21, 3, 1, true, false)
      .pool()
      .flatten()
      .dense(18)
      .norm()
      .dense(10, "softmax");
  compareStep("general path, strided, same padding", strided.layers, 32, Pixels::Dense, 25, false, 1e-5, 0);
  Builder wide(66, 20, 1);
  wide.rescale(1.0f / 255, 0).conv(4).pool().norm().conv(6).pool().norm().flatten().dense(10, "softmax");
  compareStep("general path, too high for the stem", wide.layers, 16, Pixels::Dense, 26, false, 1e-5, 0);
  checkConvolutions();
  checkRepeatability();
  checkInference();
  checkNotANumber();
  std::printf(failures ? "%d failures\n" : "all passed\n", failures);
  return failures ? 1 : 0;
}

}  // namespace
}  // namespace convsweep::test

int main() {
  constexpr int kSkipped = 77;
  const char* isa = std::getenv("CONVSWEEP_ISA");
  const auto available = convsweep::cpu::instructionSets();
  if (isa && *isa && std::find(available.begin(), available.end(), isa) == available.end()) return kSkipped;
  return convsweep::test::run();
}
