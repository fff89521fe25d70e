// Measures training and inference of several small networks on one thread, and the machine's peak beside
// them:
//   native_bench_networks [digits.bin] [rounds] [names, separated by commas]
// The networks take turns, so that whatever else happens to the machine happens to all of them; medians are
// shown.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/native/job.h"
#include "bench/native/peak.h"

using namespace convsweep;
using namespace convsweep::bench;

namespace {

class Chain {
 public:
  explicit Chain(std::vector<int> shape) : shape_(std::move(shape)) {
    Layer rescaling = layerOf("Rescaling");
    rescaling.scale = 1.0f / 255;
    add(rescaling, shape_);
  }
  Chain& conv(int filters, int window, bool same, const char* activation = "relu", int stride = 1) {
    Layer layer = layerOf("Conv2D");
    layer.activation = activation;
    layer.window = {window, window};
    layer.strides = {stride, stride};
    const auto extent = [&](int in) {
      return same ? (in + stride - 1) / stride : (in - window) / stride + 1;
    };
    return add(layer, {extent(shape_[0]), extent(shape_[1]), filters});
  }
  Chain& pool(int window = 2, int stride = 2) {
    Layer layer = layerOf("MaxPooling2D");
    layer.window = {window, window};
    layer.strides = {stride, stride};
    return add(layer, {(shape_[0] - window) / stride + 1, (shape_[1] - window) / stride + 1, shape_[2]});
  }
  Chain& norm() {
    Layer layer = layerOf("BatchNormalization");
    layer.momentum = 0.99;
    layer.epsilon = 1e-3f;
    return add(layer, shape_);
  }
  Chain& relu() {
    Layer layer = layerOf("Activation");
    layer.activation = "relu";
    return add(layer, shape_);
  }
  Chain& dropout(float rate) {
    Layer layer = layerOf("Dropout");
    layer.rate = rate;
    return add(layer, shape_);
  }
  Chain& flatten() {
    int size = 1;
    for (const int extent : shape_) size *= extent;
    return add(layerOf("Flatten"), {size});
  }
  Chain& dense(int units, const char* activation = "relu") {
    Layer layer = layerOf("Dense");
    layer.activation = activation;
    return add(layer, {units});
  }
  std::vector<Layer> layers;

 private:
  Chain& add(Layer layer, std::vector<int> out) {
    layer.inputShape = shape_;
    layer.outputShape = shape_ = std::move(out);
    layers.push_back(layer);
    return *this;
  }
  std::vector<int> shape_;
};

struct Job {
  std::string name;
  std::vector<Layer> layers;
  std::unique_ptr<Network> network;
  std::vector<double> train, infer;
};

std::vector<Job> jobs() {
  const std::vector<int> digit{28, 28, 1}, colour{32, 32, 3};
  std::vector<Job> list;
  const auto add = [&](const char* name, const Chain& chain) {
    list.push_back({name, chain.layers, nullptr, {}, {}});
  };
  const auto notebook = [&](int window) {
    return Chain(digit).conv(28, window, false).pool().norm().conv(28, window, false).pool().norm().flatten();
  };
  const auto dense = [](Chain chain) {
    return chain.dense(100).norm().dense(80).norm().dense(60).norm().dense(10, "softmax");
  };
  add("notebook", dense(notebook(3)));
  add("notebook 5x5", dense(notebook(5)));
  add("Keras example", Chain(digit)
                           .conv(32, 3, false)
                           .pool()
                           .conv(64, 3, false)
                           .pool()
                           .flatten()
                           .dropout(0.5f)
                           .dense(10, "softmax"));
  add("LeNet-5", Chain(digit)
                     .conv(6, 5, true)
                     .pool()
                     .conv(16, 5, false)
                     .pool()
                     .flatten()
                     .dense(120)
                     .dense(84)
                     .dense(10, "softmax"));
  add("VGG", Chain(colour)
                 .conv(32, 3, true)
                 .conv(32, 3, true)
                 .pool()
                 .conv(64, 3, true)
                 .conv(64, 3, true)
                 .pool()
                 .flatten()
                 .dense(128)
                 .dense(10, "softmax"));
  add("MLP", Chain(digit).flatten().dense(512).dense(512).dense(10, "softmax"));
  add("conv-norm-relu", Chain(colour)
                            .conv(16, 3, true, "linear")
                            .norm()
                            .relu()
                            .pool()
                            .conv(32, 3, true, "linear")
                            .norm()
                            .relu()
                            .pool()
                            .conv(64, 3, true, "linear")
                            .norm()
                            .relu()
                            .pool()
                            .flatten()
                            .dense(10, "softmax"));
  add("strided", Chain(digit)
                     .conv(24, 5, true, "relu", 2)
                     .conv(48, 3, true, "relu", 2)
                     .conv(48, 1, false)
                     .flatten()
                     .dense(64)
                     .dense(10, "softmax"));
  add("overlapping pools", Chain(colour)
                               .conv(40, 7, true)
                               .pool(3, 2)
                               .conv(20, 5, false)
                               .pool(3, 2)
                               .flatten()
                               .dense(10, "softmax"));
  return list;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Digits noise(size_t count, size_t size) {
  std::mt19937 random(3);
  Digits digits;
  for (size_t i = 0; i < count * size; ++i) digits.images.push_back(static_cast<uint8_t>(random()));
  for (size_t i = 0; i < count; ++i) digits.labels.push_back(static_cast<uint8_t>(i % 10));
  return digits;
}

}  // namespace

int main(int argc, char** argv) {
  flushDenormals();
  const Digits digits = argc > 1 && *argv[1] ? readDigits(argv[1]) : strokes(7000);
  const size_t colourSize = 32 * 32 * 3;
  const Digits colours = noise(1280, colourSize);
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::string names(",");
  if (argc > 3) names.append(argv[3]).append(",");
  const auto dataset =
      backend::createDataset(0, digits.images.data(), digits.labels.data(), digits.labels.size(), 784);
  const auto colourSet = backend::createDataset(0, colours.images.data(), colours.labels.data(),
                                                colours.labels.size(), colourSize);
  std::vector<Job> list = jobs();
  std::erase_if(list, [&](const Job& job) {
    return argc > 3 && names.find(std::string(",").append(job.name).append(",")) == std::string::npos;
  });
  for (Job& job : list) {
    job.network = std::make_unique<Network>(0, job.layers, Adam{}, SessionOptions{1});
    initialise(*job.network);
  }
  std::vector<double> peaks;
  Control control;
  constexpr size_t kImages = 1280;
  for (int round = 0; round < rounds; ++round) {
    for (Job& job : list) {
      const DeviceDataset& images = job.network->plan().imageSize == colourSize ? *colourSet : *dataset;
      const size_t count = &images == colourSet.get() ? colours.labels.size() : digits.labels.size();
      std::vector<uint32_t> rows(kImages);
      for (size_t i = 0; i < kImages; ++i)
        rows[i] = static_cast<uint32_t>((static_cast<size_t>(round) * kImages + i) % count);
      const std::vector<uint32_t> sizes(kImages / 128, 128);
      peaks.push_back(peak());
      auto start = now();
      job.network->trainEpoch(images, rows, sizes, control);
      job.train.push_back(kImages / seconds(start));
      start = now();
      job.network->evaluate(images, rows, 128, control);
      job.infer.push_back(kImages / seconds(start));
    }
  }
  std::printf("%s, peak %.0f GFLOP/s\n", backend::buildInfo().instructionSet.c_str(), median(peaks));
  for (const Job& job : list) {
    std::printf("%-18s train %8.0f images/s  infer %8.0f images/s\n", job.name.c_str(), median(job.train),
                median(job.infer));
  }
}
