#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "bench/native/job.h"

/** Small networks of many kinds, by name. */
namespace convsweep::bench {

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

/** The notebook's network with windows of one size and three dense layers of these widths. */
inline Chain notebook(int window, int a, int b, int c) {
  Chain chain({28, 28, 1});
  chain.conv(28, window, false).pool().norm().conv(28, window, false).pool().norm().flatten();
  return chain.dense(a).norm().dense(b).norm().dense(c).norm().dense(10, "softmax");
}

struct Named {
  std::string name;
  std::vector<Layer> layers;
};

inline std::vector<Named> networks() {
  const std::vector<int> digit{28, 28, 1}, colour{32, 32, 3};
  std::vector<Named> list;
  const auto add = [&](const char* name, const Chain& chain) { list.push_back({name, chain.layers}); };
  add("notebook", notebook(3, 100, 80, 60));
  add("notebook 5x5", notebook(5, 100, 80, 60));
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
  add("strided 3x3", Chain(digit)
                         .conv(32, 5, true, "relu", 2)
                         .norm()
                         .conv(64, 3, true, "relu", 2)
                         .norm()
                         .conv(96, 3, false, "relu", 2)
                         .flatten()
                         .dropout(0.25f)
                         .dense(10, "softmax"));
  add("overlapping pools", Chain(colour)
                               .conv(40, 7, true)
                               .pool(3, 2)
                               .conv(20, 5, false)
                               .pool(3, 2)
                               .flatten()
                               .dense(10, "softmax"));
  const auto block = [](Chain chain, int filters, int window = 3, int stride = 1) {
    return chain.conv(filters, window, true, "linear", stride).norm().relu();
  };
  Chain narrow = block(block(block(Chain(digit), 8), 8), 8).pool();
  narrow = block(block(block(narrow, 12), 12), 12).pool();
  add("deep-narrow", block(block(narrow, 16), 16).flatten().dense(10, "softmax"));
  Chain bottleneck = block(block(block(Chain(colour), 32, 3, 2), 16, 1), 16);
  bottleneck = block(bottleneck, 64, 1).pool();
  bottleneck = block(block(block(bottleneck, 32, 1), 32), 128, 1).pool(8, 8);
  add("bottleneck", bottleneck.flatten().dense(10, "softmax"));
  add("large windows",
      Chain(colour).conv(24, 7, true).pool(3, 2).conv(48, 5, true).pool(7, 7).flatten().dense(10, "softmax"));
  add("wide dense", Chain(digit).conv(32, 3, false).flatten().dense(128).dense(10, "softmax"));
  add("no pool", Chain(digit).conv(16, 3, false).conv(16, 3, false).flatten().dense(32).dense(10, "softmax"));
  add("few filters", Chain(digit)
                         .conv(10, 5, false)
                         .pool()
                         .conv(20, 5, false)
                         .pool()
                         .flatten()
                         .dense(50)
                         .dense(10, "softmax"));
  return list;
}

/** Images no part of which is blank. */
inline Digits noise(size_t count, size_t size) {
  std::mt19937 random(3);
  Digits digits;
  for (size_t i = 0; i < count * size; ++i) digits.images.push_back(static_cast<uint8_t>(random()));
  for (size_t i = 0; i < count; ++i) digits.labels.push_back(static_cast<uint8_t>(i % 10));
  return digits;
}

}  // namespace convsweep::bench
