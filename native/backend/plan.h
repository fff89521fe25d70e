#pragma once

#include <cstddef>
#include <optional>
#include <variant>
#include <vector>

namespace convsweep {

/** Height, width and channels of one image or feature map, stored row-major, channels last. */
struct Extent {
  int height, width, channels;
  size_t size() const { return static_cast<size_t>(height) * width * channels; }
};

/** How a window slides over a map. The first padded position is (-padTop, -padLeft). */
struct Window {
  int height, width, strideY, strideX, padTop, padLeft;
};

/** Where a block's kernel and bias (or gamma and beta) lie in the flat parameters. */
struct ParameterRange {
  size_t first, second;
};

/** x * scale + offset per element. */
struct AffineSpec {
  size_t size;
  float scale, offset;
};

/** The largest value of each window; the first in row-major order where several are equal. */
struct PoolSpec {
  Extent in, out;
  Window window;
};

/** Cross-correlation, bias, ReLU and max-pooling, each but the first optional. Kernel [h][w][in][out]. */
struct ConvSpec {
  Extent in, out;
  Window window;
  bool bias, relu;
  std::optional<PoolSpec> pool;
  ParameterRange parameters;
};

/** Matrix product, bias and ReLU. Kernel [in][out]. */
struct DenseSpec {
  size_t in, out;
  bool bias, relu;
  ParameterRange parameters;
};

/**
 * Batch normalisation over `rows` positions per image of `channels` values. `bessel`: the moving variance
 * takes var * N / (N - 1), as TensorFlow's fused kernel does for images; dense batch norm takes the biased
 * variance. `decay`: 1 - momentum, rounded once as in Keras.
 */
struct NormSpec {
  size_t rows, channels;
  float decay, epsilon;
  bool bessel;
  ParameterRange parameters;
  /** Offset of the moving mean in the flat statistics; the moving variance follows it. */
  size_t statistics;

  /** What the variance of `count` values is multiplied by for the moving variance. TensorFlow divides by
   * max(N - 1, 1). */
  double correction(size_t count) const {
    return bessel ? static_cast<double>(count) / static_cast<double>(count > 1 ? count - 1 : 1) : 1.0;
  }
};

struct ReluSpec {
  size_t size;
};

/** `stream` tells the dropout layers of a network apart. */
struct DropoutSpec {
  size_t size;
  float rate;
  unsigned stream;
};

using BlockSpec = std::variant<AffineSpec, PoolSpec, ConvSpec, DenseSpec, NormSpec, ReluSpec, DropoutSpec>;

/** A network cut into the blocks that backends implement, and the layout of its flat state. */
struct Plan {
  size_t imageSize = 0;
  /** Applied to the uint8 pixels on loading. */
  float inputScale = 1, inputOffset = 0;
  std::vector<BlockSpec> blocks;
  /** Values per image that the last block puts out. */
  size_t outputSize = 0;
  /** The outputs are the logits of a softmax. */
  bool softmax = false;
  size_t parameterCount = 0;
  size_t statisticCount = 0;
};

/** Values per image that a block takes in and puts out. */
size_t inputSize(const BlockSpec& spec);
size_t outputSize(const BlockSpec& spec);

}  // namespace convsweep
