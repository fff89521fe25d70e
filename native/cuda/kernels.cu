#include <algorithm>

#include "cuda/bodies.h"
#include "cuda/kernels.h"
#include "cuda/launch.h"

namespace convsweep::cuda {
namespace {

Windows windowsOf(const PoolSpec& spec) {
  return {spec.in.height, spec.in.width, spec.out.height, spec.out.width, spec.window};
}

uint32_t sizeOf(uint32_t n, Extent extent) {
  return n * static_cast<uint32_t>(extent.size());
}

/** What a block sums: a few terms each of its threads, so that there are many blocks. It depends on nothing
 * else, as the order of summation does. */
constexpr uint32_t kTermsOfABlock = 2048;

uint32_t imagesOfABlock(Order order) {
  return std::max(kTermsOfABlock / order.positions, 1u);
}

uint32_t partsOf(uint32_t n, Order order) {
  return (n + imagesOfABlock(order) - 1) / imagesOfABlock(order);
}

/** What `map` makes of each of n x order values, and its sums if they are wanted. */
template <typename Map>
void forEachAndSum(cudaStream_t stream, const Map& map, uint32_t n, Order order, BiasGradient bias) {
  if (!bias.sums) return forEach(stream, n * order.size(), map);
  const uint32_t parts = partsOf(n, order);
  reduce(stream, parts * order.channels,
         ChannelSums<Map>{map, n, order, imagesOfABlock(order), parts > 1 ? bias.partial : bias.sums});
  if (parts == 1) return;
  reduce(stream, order.channels,
         ChannelSums<Unchanged>{{bias.partial}, parts, {1, order.channels}, parts, bias.sums});
}

}  // namespace

void place(cudaStream_t stream, const Cursor& value, Cursor* cursor) {
  forEach(stream, 1, SetCursor{value, cursor});
}

void advance(cudaStream_t stream, Cursor* cursor, uint32_t n, bool training, const Adam& adam) {
  forEach(stream, 1, Advance{cursor, n, training, adam});
}

void gather(cudaStream_t stream, const Cursor* cursor, uint32_t n, Order order, float scale, float offset,
            float* out) {
  forEach(stream, n * order.size(), Gather{cursor, order, scale, offset, out});
}

void affine(cudaStream_t stream, const float* x, uint32_t size, float scale, float offset, float* out) {
  forEach(stream, size, Affine{x, scale, offset, out});
}

void relu(cudaStream_t stream, const float* x, uint32_t size, float* out) {
  forEach(stream, size, Relu{x, out});
}

void applyEpilogue(cudaStream_t stream, const float* x, uint32_t n, Order order, const Epilogue& epilogue,
                   float* out) {
  if (epilogue.isEmpty()) return;
  forEach(stream, n * order.size(), ApplyEpilogue{x, order, epilogue, out});
}

size_t partialSums(size_t n, Order order) {
  return size_t{partsOf(static_cast<uint32_t>(n), order)} * order.channels;
}

void biasGradient(cudaStream_t stream, const float* gradient, uint32_t n, Order order, BiasGradient bias) {
  if (bias.sums) forEachAndSum(stream, Unchanged{gradient}, n, order, bias);
}

void reluBackward(cudaStream_t stream, const float* y, const float* gradient, uint32_t n, Order order,
                  float* out, BiasGradient bias) {
  forEachAndSum(stream, ReluBackward{y, gradient, out}, n, order, bias);
}

void maxPool(cudaStream_t stream, const float* x, uint32_t n, const PoolSpec& spec, const Epilogue& epilogue,
             float* out, uint16_t* winners) {
  const auto channels = static_cast<uint32_t>(spec.in.channels);
  forEach(stream, sizeOf(n, spec.out), MaxPool{x, windowsOf(spec), channels, epilogue, out, winners});
}

void maxPoolBackward(cudaStream_t stream, const float* gradient, const float* y, const uint16_t* winners,
                     uint32_t n, const PoolSpec& spec, float* dx, BiasGradient bias) {
  const Order order{static_cast<uint32_t>(spec.in.height * spec.in.width),
                    static_cast<uint32_t>(spec.in.channels)};
  forEachAndSum(stream, MaxPoolBackward{gradient, y, winners, windowsOf(spec), dx}, n, order, bias);
}

void pad(cudaStream_t stream, const float* x, uint32_t n, Extent in, Extent padded, int top, int left,
         float* out) {
  const Frame frame{in.height, in.width, padded.height, padded.width, top, left};
  forEach(stream, sizeOf(n, padded), Pad{x, frame, out});
}

void crop(cudaStream_t stream, const float* gradient, uint32_t n, Extent in, Extent padded, int top, int left,
          float* dx) {
  const Frame frame{in.height, in.width, padded.height, padded.width, top, left};
  forEach(stream, sizeOf(n, in), Crop{gradient, frame, dx});
}

void denseNorm(cudaStream_t stream, float* x, uint32_t n, uint32_t units, const Epilogue& epilogue,
               const TrainingNorm& norm, float* out) {
  forEachBlock(stream, units, DenseNorm{x, n, units, epilogue, norm, out});
}

void denseNormBackward(cudaStream_t stream, const float* y, const float* gradient, uint32_t n, uint32_t units,
                       bool relu, const TrainingNorm& norm, float* out, float* biasGradient) {
  forEachBlock(stream, units, DenseNormBackward{y, gradient, n, units, relu, norm, out, biasGradient});
}

void updateMoving(cudaStream_t stream, const TrainingNorm& norm, uint32_t channels) {
  forEach(stream, channels, UpdateMoving{norm});
}

void dropout(cudaStream_t stream, const Cursor* cursor, const float* x, uint32_t n, Order order,
             const DropoutSpec& spec, uint32_t seed, float* out) {
  forEach(stream, n * order.size(), Dropout{cursor, x, order, spec.rate, spec.stream, seed, out});
}

void loss(cudaStream_t stream, const Cursor* cursor, const float* logits, uint32_t n, Order order,
          float* gradient, DeviceTotals* totals) {
  reduce(stream, 1, CrossEntropy{cursor, logits, n, order, gradient, totals});
}

void adam(cudaStream_t stream, const Cursor* cursor, const Adam& adam, uint32_t size, const float* gradient,
          float* w, float* m, float* v) {
  forEach(stream, size, AdamUpdate{cursor, adam.beta1, adam.beta2, adam.epsilon, gradient, w, m, v});
}

}  // namespace convsweep::cuda
