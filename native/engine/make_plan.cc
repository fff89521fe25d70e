#include "engine/make_plan.h"

#include <algorithm>
#include <cstdint>

#include "engine/check.h"

namespace convsweep {
namespace {

Extent extentOf(const std::vector<int>& shape) {
  return {shape[0], shape[1], shape[2]};
}

size_t sizeOf(const std::vector<int>& shape) {
  size_t size = 1;
  for (const int extent : shape) size *= static_cast<size_t>(extent);
  return size;
}

/** TensorFlow's padding, from the shapes alone: nothing for `valid`, the smaller half first for `same`. */
int paddingBefore(int in, int out, int window, int stride) {
  return static_cast<int>(std::max<int64_t>((int64_t{out} - 1) * stride + window - in, 0) / 2);
}

Window windowOf(const Layer& layer, Extent in, Extent out) {
  const auto [height, width] = layer.window;
  const auto [strideY, strideX] = layer.strides;
  return {height,
          width,
          strideY,
          strideX,
          paddingBefore(in.height, out.height, height, strideY),
          paddingBefore(in.width, out.width, width, strideX)};
}

PoolSpec poolOf(const Layer& layer) {
  const Extent in = extentOf(layer.inputShape), out = extentOf(layer.outputShape);
  return {in, out, windowOf(layer, in, out)};
}

}  // namespace

Plan makePlan(const std::vector<Layer>& layers) {
  checkLayers(layers);
  Plan plan;
  plan.imageSize = sizeOf(layers.front().inputShape);
  unsigned dropouts = 0;
  auto parameters = [&plan](size_t first, size_t second) {
    const ParameterRange range{plan.parameterCount, plan.parameterCount + first};
    plan.parameterCount += first + second;
    return range;
  };

  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const bool last = i + 1 == layers.size();
    const size_t in = sizeOf(layer.inputShape), out = sizeOf(layer.outputShape);
    plan.softmax = layer.activation == "softmax";
    const bool relu = layer.activation == "relu";

    if (layer.type == "Rescaling") {
      if (i == 0) {
        plan.inputScale = layer.scale;
        plan.inputOffset = layer.offset;
      } else {
        plan.blocks.push_back(AffineSpec{in, layer.scale, layer.offset});
      }
    } else if (layer.type == "Conv2D") {
      const Extent from = extentOf(layer.inputShape), to = extentOf(layer.outputShape);
      const size_t kernel =
          static_cast<size_t>(layer.window[0]) * layer.window[1] * from.channels * to.channels;
      ConvSpec conv{from, to, windowOf(layer, from, to), layer.useBias, relu, {}, {}};
      conv.parameters = parameters(kernel, layer.useBias ? to.channels : 0);
      if (!last && layers[i + 1].type == "MaxPooling2D") conv.pool = poolOf(layers[++i]);
      plan.blocks.push_back(conv);
    } else if (layer.type == "MaxPooling2D") {
      plan.blocks.push_back(poolOf(layer));
    } else if (layer.type == "BatchNormalization") {
      const size_t channels = layer.inputShape.back();
      plan.blocks.push_back(NormSpec{in / channels, channels, static_cast<float>(1 - layer.momentum),
                                     layer.epsilon, layer.inputShape.size() == 3,
                                     parameters(channels, channels), plan.statisticCount});
      plan.statisticCount += 2 * channels;
    } else if (layer.type == "Dense") {
      plan.blocks.push_back(
          DenseSpec{in, out, layer.useBias, relu, parameters(in * out, layer.useBias ? out : 0)});
    } else if (layer.type == "Dropout") {
      plan.blocks.push_back(DropoutSpec{in, layer.rate, dropouts++});
    } else if (layer.type == "Activation") {
      if (relu) plan.blocks.push_back(ReluSpec{in});
    }
  }
  plan.outputSize = sizeOf(layers.back().outputShape);
  return plan;
}

}  // namespace convsweep
