#include "engine/check.h"

#include <climits>
#include <cstdint>
#include <string>

#include "backend/error.h"

namespace convsweep {
namespace {

/** Of parameters, and of values that a layer puts out: what a float32 array holds everywhere. */
constexpr int64_t kMostValues = INT32_MAX;
/** Positions of a window: kernels keep a pooled value's place in its window in 16 bits. */
constexpr int64_t kMostPositions = 1 << 16;

int64_t sizeOf(const std::vector<int>& shape) {
  int64_t size = 1;
  for (const int extent : shape) {
    require(extent > 0, "expected positive extents");
    size *= extent;
    require(size <= kMostValues, "a shape has too many values");
  }
  return size;
}

bool isImage(const std::vector<int>& shape) {
  return shape.size() == 3;
}

/** The numbers of windows that there can be along a side: with `valid` padding, with `same`. */
bool fits(int in, int out, int window, int stride) {
  const bool valid = window <= in && out == (in - window) / stride + 1;
  return valid || out == (in - 1) / stride + 1;
}

void checkWindow(const Layer& layer) {
  const auto [height, width] = layer.window;
  const auto [strideY, strideX] = layer.strides;
  require(isImage(layer.inputShape) && isImage(layer.outputShape), "windows need images");
  require(height > 0 && width > 0 && strideY > 0 && strideX > 0, "expected positive windows and strides");
  require(int64_t{height} * width <= kMostPositions, "a window has too many positions");
  require(INT_MAX - height >= layer.inputShape[0] && INT_MAX - width >= layer.inputShape[1],
          "a window reaches too far");
  require(fits(layer.inputShape[0], layer.outputShape[0], height, strideY) &&
              fits(layer.inputShape[1], layer.outputShape[1], width, strideX),
          "windows and shapes do not fit");
}

/** Returns the number of parameters. */
int64_t checkLayer(const Layer& layer) {
  const int64_t in = sizeOf(layer.inputShape), out = sizeOf(layer.outputShape);
  require(isImage(layer.inputShape) || layer.inputShape.size() == 1, "expected an image or a vector");
  if (layer.type == "Conv2D") {
    checkWindow(layer);
    const int64_t filters = layer.outputShape[2];
    const int64_t depth = int64_t{layer.window[0]} * layer.window[1] * layer.inputShape[2];
    require(depth <= kMostValues, "a kernel has too many values");
    return depth * filters + (layer.useBias ? filters : 0);
  }
  if (layer.type == "MaxPooling2D") {
    checkWindow(layer);
    require(layer.inputShape[2] == layer.outputShape[2], "pooling keeps the channels");
    return 0;
  }
  if (layer.type == "Dense") return in * out + (layer.useBias ? out : 0);
  if (layer.type == "Flatten") {
    require(layer.outputShape.size() == 1 && in == out, "Flatten makes a vector of all values");
    return 0;
  }
  require(layer.inputShape == layer.outputShape, "expected an output like the input");
  if (layer.type == "BatchNormalization") return int64_t{2} * layer.inputShape.back();
  if (layer.type == "Dropout") require(layer.rate >= 0 && layer.rate < 1, "expected a rate below 1");
  require(layer.type == "Rescaling" || layer.type == "Dropout" || layer.type == "Activation",
          "unknown layer type");
  return 0;
}

}  // namespace

void checkLayers(const std::vector<Layer>& layers) {
  require(!layers.empty(), "expected at least one layer");
  int64_t parameters = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const bool last = i + 1 == layers.size();
    try {
      parameters += checkLayer(layer);
      require(parameters <= kMostValues, "there are too many parameters");
      require(i == 0 || layer.inputShape == layers[i - 1].outputShape,
              "its input is not the previous layer's output");
      require(layer.activation == "linear" || layer.activation == "relu" || layer.activation == "softmax",
              "unknown activation");
      require(layer.activation != "softmax" || last, "softmax comes last");
    } catch (const Error& error) {
      throw Error(error.code(), std::string(error.what()) + " (layers[" + std::to_string(i) + "])");
    }
  }
}

void checkAdam(const Adam& adam) {
  require(adam.learningRate >= 0 && adam.epsilon >= 0, "expected a learning rate and an epsilon from 0 on");
  require(adam.beta1 >= 0 && adam.beta1 < 1 && adam.beta2 >= 0 && adam.beta2 < 1,
          "expected betas from 0 to 1");
}

}  // namespace convsweep
