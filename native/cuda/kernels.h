#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "backend/adam.h"
#include "backend/plan.h"
#include "cuda/cursor.h"
#include "cuda/epilogue.h"
#include "cuda/norm_operands.h"

/**
 * The kernels of our own, one call each. All put their work into `stream` and return; maps are NCHW float.
 * Nothing here sums in an order that depends on timing.
 */
namespace convsweep::cuda {

/** Puts `value` where the device reads it. */
void place(cudaStream_t stream, const Cursor& value, Cursor* cursor);
/** Moves on to the next `n` rows, and in training to the next step of `adam`. */
void advance(cudaStream_t stream, Cursor* cursor, uint32_t n, bool training, const Adam& adam);

/** The images at the cursor: out = pixel * scale + offset. */
void gather(cudaStream_t stream, const Cursor* cursor, uint32_t n, Order order, float scale, float offset,
            float* out);

/** out = x * scale + offset */
void affine(cudaStream_t stream, const float* x, uint32_t size, float scale, float offset, float* out);
/** out = max(x, 0) */
void relu(cudaStream_t stream, const float* x, uint32_t size, float* out);
/** out = epilogue(x), n x order; `out` may be `x`, and is if the epilogue is empty. */
void applyEpilogue(cudaStream_t stream, const float* x, uint32_t n, Order order, const Epilogue& epilogue,
                   float* out);
/** Sums over images and positions, a channel each, wanted where `sums` is not null. */
struct BiasGradient {
  float* sums = nullptr;
  /** Room for partialSums() floats. */
  float* partial = nullptr;
};
/** How many sums over parts of the images there are on the way to those of n x order. */
size_t partialSums(size_t n, Order order);

void biasGradient(cudaStream_t stream, const float* gradient, uint32_t n, Order order, BiasGradient bias);
/** out = gradient where y > 0, else 0; `out` may be `gradient`. The bias' is that of `out`. */
void reluBackward(cudaStream_t stream, const float* y, const float* gradient, uint32_t n, Order order,
                  float* out, BiasGradient bias = {});

/**
 * The largest of x + bias in each window, then the rest of the epilogue. `winners`: the index within its
 * window of the first largest value in row-major order.
 */
void maxPool(cudaStream_t stream, const float* x, uint32_t n, const PoolSpec& spec, const Epilogue& epilogue,
             float* out, uint16_t* winners);
/** Each gradient at its winner's place in `dx`, zero elsewhere; only where y > 0 if `y` is given. The bias'
 * is that of `dx`. */
void maxPoolBackward(cudaStream_t stream, const float* gradient, const float* y, const uint16_t* winners,
                     uint32_t n, const PoolSpec& spec, float* dx, BiasGradient bias = {});

/** A map within a larger one of zeros: out[top + y][left + x] = x[y][x]. */
void pad(cudaStream_t stream, const float* x, uint32_t n, Extent in, Extent padded, int top, int left,
         float* out);
/** The way back: dx[y][x] = gradient[top + y][left + x]. */
void crop(cudaStream_t stream, const float* gradient, uint32_t n, Extent in, Extent padded, int top, int left,
          float* dx);

/** Batch norm in training behind a dense layer: x = epilogue(x), out = norm(x), n x units; moves the moving
 * statistics. */
void denseNorm(cudaStream_t stream, float* x, uint32_t n, uint32_t units, const Epilogue& epilogue,
               const TrainingNorm& norm, float* out);
/** The way back, from the gradient of the norm's output: `out` is that of what the epilogue took, which made
 * `y` of it, with ReLU or not; `biasGradient` may be null. */
void denseNormBackward(cudaStream_t stream, const float* y, const float* gradient, uint32_t n, uint32_t units,
                       bool relu, const TrainingNorm& norm, float* out, float* biasGradient);

/** Moves a norm's moving statistics towards those of the batch. */
void updateMoving(cudaStream_t stream, const TrainingNorm& norm, uint32_t channels);

/** Multiplies each element by 0 or 1 / (1 - rate), the same ones whenever the step is the same. */
void dropout(cudaStream_t stream, const Cursor* cursor, const float* x, uint32_t n, Order order,
             const DropoutSpec& spec, uint32_t seed, float* out);

/**
 * Softmax and cross-entropy of n rows of logits against the labels at the cursor, added to `totals`. With
 * `gradient` also (softmax - onehot) / n.
 */
void loss(cudaStream_t stream, const Cursor* cursor, const float* logits, uint32_t n, Order order,
          float* gradient, DeviceTotals* totals);

/** The cursor's Adam step over flat arrays. */
void adam(cudaStream_t stream, const Cursor* cursor, const Adam& adam, uint32_t size, const float* gradient,
          float* w, float* m, float* v);

}  // namespace convsweep::cuda
