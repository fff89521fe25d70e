// Measures training and inference of the reference network on one and on two threads, between two
// measurements of the machine's peak:
//   native_bench_step [digits.bin] [seconds] [train|infer|both] [widths: a b c]
// digits.bin: records of one label byte and 784 pixels. Without it, random strokes.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bench/native/peak.h"
#include "engine/buffer.h"
#include "engine/network.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

using namespace convsweep;
using bench::now;
using bench::peak;
using bench::seconds;

namespace {

Layer layerOf(const char* type) {
  Layer layer;
  layer.type = type;
  return layer;
}

std::vector<Layer> layers(int a, int b, int c) {
  std::vector<Layer> list;
  std::vector<int> shape{28, 28, 1};
  const auto add = [&](Layer layer, std::vector<int> out) {
    layer.inputShape = shape;
    layer.outputShape = shape = std::move(out);
    list.push_back(layer);
  };
  Layer rescaling = layerOf("Rescaling");
  rescaling.scale = 1.0f / 255;
  add(rescaling, shape);
  Layer norm = layerOf("BatchNormalization");
  norm.momentum = 0.99f;
  norm.epsilon = 1e-3f;
  for (int k = 0; k < 2; ++k) {
    Layer conv = layerOf("Conv2D");
    conv.activation = "relu";
    conv.window = {3, 3};
    add(conv, {shape[0] - 2, shape[1] - 2, 28});
    Layer pool = layerOf("MaxPooling2D");
    pool.window = pool.strides = {2, 2};
    add(pool, {shape[0] / 2, shape[1] / 2, 28});
    add(norm, shape);
  }
  add(layerOf("Flatten"), {shape[0] * shape[1] * shape[2]});
  for (int width : {a, b, c}) {
    Layer dense = layerOf("Dense");
    dense.activation = "relu";
    add(dense, {width});
    add(norm, {width});
  }
  Layer last = layerOf("Dense");
  last.activation = "softmax";
  add(last, {10});
  return list;
}

struct Digits {
  std::vector<uint8_t> images, labels;
};

Digits readDigits(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  Digits digits;
  for (size_t at = 0; at + 785 <= bytes.size(); at += 785) {
    digits.labels.push_back(static_cast<uint8_t>(bytes[at]));
    digits.images.insert(digits.images.end(), bytes.begin() + static_cast<long>(at) + 1,
                         bytes.begin() + static_cast<long>(at) + 785);
  }
  return digits;
}

Digits strokes(size_t count) {
  std::mt19937 random(1);
  Digits digits;
  for (size_t n = 0; n < count; ++n) {
    std::vector<uint8_t> image(784);
    double x = 14, y = 14, angle = 0.1 * static_cast<double>(n % 10);
    for (int step = 0; step < 40; ++step) {
      angle += (static_cast<double>(random() % 1000) / 1000 - 0.4) * 0.8;
      x = std::clamp(x + std::cos(angle), 5.0, 21.0);
      y = std::clamp(y + std::sin(angle), 5.0, 21.0);
      for (int d = 0; d < 4; ++d)
        image[(static_cast<size_t>(y) + d / 2) * 28 + static_cast<size_t>(x) + d % 2] =
            static_cast<uint8_t>(128 + random() % 128);
    }
    digits.labels.push_back(static_cast<uint8_t>(n % 10));
    digits.images.insert(digits.images.end(), image.begin(), image.end());
  }
  return digits;
}

void initialise(Network& network) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 0.08f);
  std::vector<float> parameters(network.plan().parameterCount),
      statistics(network.plan().statisticCount, 1.0f);
  for (float& p : parameters) p = normal(random);
  for (const auto& block : network.plan().blocks) {
    if (const auto* norm = std::get_if<NormSpec>(&block)) {
      std::fill_n(parameters.begin() + static_cast<long>(norm->parameters.first), norm->channels, 1.0f);
      std::fill_n(parameters.begin() + static_cast<long>(norm->parameters.second), norm->channels, 0.0f);
      std::fill_n(statistics.begin() + static_cast<long>(norm->statistics), norm->channels, 0.0f);
    }
  }
  StateView view;
  view.parameters = parameters;
  view.statistics = statistics;
  network.writeState(view);
}

struct Rates {
  std::vector<double> train, infer, peak;
};

/** Trains for an epoch of 10 steps, evaluates, and so on, with the peak measured in between. */
void measure(const Digits& digits, const DeviceDataset& dataset, const int* widths, double limit,
             const std::string& mode, Rates& rates) {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
  Network network(0, layers(widths[0], widths[1], widths[2]), Adam{}, {1});
  initialise(network);
  constexpr size_t kImages = 1280;
  Control control;
  std::vector<uint32_t> sizes(10, 128);
  const size_t count = digits.labels.size();
  size_t first = 0;
  const auto begin = now();
  while (seconds(begin) < limit) {
    std::vector<uint32_t> rows(kImages);
    for (size_t i = 0; i < kImages; ++i) rows[i] = static_cast<uint32_t>((first + i) % count);
    first += kImages;
    rates.peak.push_back(peak());
    auto start = now();
    if (mode != "infer") network.trainEpoch(dataset, rows, sizes, control);
    rates.train.push_back(kImages / seconds(start));
    start = now();
    if (mode != "train") network.evaluate(dataset, rows, 128, control);
    rates.infer.push_back(kImages / seconds(start));
  }
}

double at(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(quantile * static_cast<double>(values.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const double limit = argc > 2 ? std::atof(argv[2]) : 3;
  int widths[3] = {100, 80, 60};
  for (int i = 0; i < 3 && argc > 4 + i; ++i) widths[i] = std::atoi(argv[4 + i]);
  const std::string mode = argc > 3 ? argv[3] : "both";
  const auto dataset =
      backend::createDataset(0, digits.images.data(), digits.labels.data(), digits.labels.size(), 784);
  const size_t before = hostBytesInUse;
  for (int threads : {1, 2}) {
    std::vector<Rates> rates(static_cast<size_t>(threads));
    std::vector<std::thread> running;
    for (int t = 0; t < threads; ++t) {
      running.emplace_back(
          [&, t] { measure(digits, *dataset, widths, limit, mode, rates[static_cast<size_t>(t)]); });
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(limit / 2));
    const size_t bytes = (hostBytesInUse - before) / static_cast<size_t>(threads);
    for (std::thread& thread : running) thread.join();
    for (double quantile : {0.5, 0.9, 1.0}) {
      double train = 0, infer = 0, fma = 0;
      for (const Rates& r : rates) {
        train += at(r.train, quantile);
        infer += at(r.infer, quantile);
        fma += at(r.peak, quantile);
      }
      std::printf(
          "%s %d thread(s) q%.1f: train %7.0f img/s  infer %7.0f img/s  peak %5.0f GFLOP/s  %4.0f%% of peak "
          "(dense)  bytes %zu\n",
          backend::buildInfo().instructionSet.c_str(), threads, quantile, train, infer, fma,
          train * 6.305e-3 / fma * 100, bytes);
    }
  }
}
