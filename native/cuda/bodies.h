#pragma once

#include <cmath>
#include <cstdint>

#include "backend/adam.h"
#include "backend/anywhere.h"
#include "backend/hash.h"
#include "backend/plan.h"
#include "cuda/cursor.h"
#include "cuda/epilogue.h"

/** Marks what runs on the device alone, or over the stand-in in its place. */
#ifdef __CUDACC__
#define CONVSWEEP_DEVICE __device__
#else
#define CONVSWEEP_DEVICE
#endif

/** What the kernels of kernels.h do, as the bodies that launch.h runs: plain code for host and device. */
namespace convsweep::cuda {

struct SetCursor {
  Cursor value, *cursor;
  CONVSWEEP_ANYWHERE void operator()(uint32_t) const { *cursor = value; }
};

struct Advance {
  Cursor* cursor;
  uint32_t n;
  bool training;
  Adam adam;
  CONVSWEEP_ANYWHERE void operator()(uint32_t) const {
    cursor->first = cursor->next;
    cursor->next += n;
    if (!training) return;
    ++cursor->step;
    // Once for all weights: powers in double would be slow in every thread.
    cursor->stepSize = adam.stepSize(cursor->step);
  }
};

struct Gather {
  const Cursor* cursor;
  Order order;
  float scale, offset;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const uint32_t size = order.size(), row = cursor->rows[cursor->first + i / size];
    const uint8_t* image = cursor->images + static_cast<uint64_t>(row) * size;
    out[i] = static_cast<float>(image[order.toKeras(i % size)]) * scale + offset;
  }
};

struct Affine {
  const float* x;
  float scale, offset;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const { out[i] = x[i] * scale + offset; }
};

struct ApplyEpilogue {
  const float* x;
  Order order;
  Epilogue epilogue;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    out[i] = epilogue(x[i], i / order.positions % order.channels);
  }
};

struct Relu {
  const float* x;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const { out[i] = clipped(x[i]); }
};

struct ReluBackward {
  const float *y, *gradient;
  float* out;
  CONVSWEEP_ANYWHERE float operator()(uint32_t i) const { return out[i] = y[i] > 0 ? gradient[i] : 0; }
};

struct Unchanged {
  const float* values;
  CONVSWEEP_ANYWHERE float operator()(uint32_t i) const { return values[i]; }
};

/**
 * Of what `map` makes of each value, in passing: a block for each channel of `images` images at a time, the
 * channels' first.
 */
template <typename Map>
struct ChannelSums {
  using Sum = float;
  Map map;
  uint32_t n;
  Order order;
  uint32_t images;
  float* sums;
  CONVSWEEP_ANYWHERE uint32_t terms(uint32_t b) const {
    const uint32_t left = n - first(b);
    return (left < images ? left : images) * order.positions;
  }
  CONVSWEEP_ANYWHERE float term(uint32_t b, uint32_t i) const {
    const uint32_t plane = (first(b) + i / order.positions) * order.channels + b % order.channels;
    return map(plane * order.positions + i % order.positions);
  }
  CONVSWEEP_ANYWHERE void finish(uint32_t b, float sum) const { sums[b] = sum; }

  CONVSWEEP_ANYWHERE uint32_t first(uint32_t b) const { return b / order.channels * images; }
};

/** The part of a PoolSpec that a map of one channel needs. */
struct Windows {
  int inHeight, inWidth, outHeight, outWidth;
  Window window;
};

/** A thread per pooled value. */
struct MaxPool {
  const float* x;
  Windows s;
  uint32_t channels;
  Epilogue epilogue;
  float* out;
  uint16_t* winners;
  /** Where a window that begins at `begin` leaves the image. */
  CONVSWEEP_ANYWHERE static int end(int begin, int window, int size) {
    return begin > size - window ? size - begin : window;
  }
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const int ox = static_cast<int>(i) % s.outWidth, rest = static_cast<int>(i) / s.outWidth;
    const int oy = rest % s.outHeight;
    const uint32_t map = static_cast<uint32_t>(rest / s.outHeight);  // image * channels + channel
    const float shift = epilogue.shift(map % channels);
    const float* from = x + static_cast<uint64_t>(map) * static_cast<uint32_t>(s.inHeight * s.inWidth);
    const int top = oy * s.window.strideY - s.window.padTop, left = ox * s.window.strideX - s.window.padLeft;
    const int endY = end(top, s.window.height, s.inHeight), endX = end(left, s.window.width, s.inWidth);
    float largest = 0;
    int winner = -1;
    for (int ky = top < 0 ? -top : 0; ky < endY; ++ky) {
      for (int kx = left < 0 ? -left : 0; kx < endX; ++kx) {
        // Shifted before it is compared: rounding may make values equal, and then the first one wins.
        const float value = from[(top + ky) * s.inWidth + left + kx] + shift;
        if (winner < 0 || value > largest) {
          largest = value;
          winner = ky * s.window.width + kx;
        }
      }
    }
    out[i] = epilogue.finish(largest, map % channels);
    winners[i] = static_cast<uint16_t>(winner);
  }
};

/** A thread per value of the full map, which collects from the windows that it lies in: no two threads add to
 * one. */
struct MaxPoolBackward {
  const float *gradient, *y;
  const uint16_t* winners;
  Windows s;
  float* dx;
  CONVSWEEP_ANYWHERE static int firstWindow(int at, int window, int stride) {
    return at < window ? 0 : (at - window) / stride + 1;
  }
  CONVSWEEP_ANYWHERE static int lastWindow(int at, int stride, int windows) {
    return at / stride < windows ? at / stride : windows - 1;
  }
  CONVSWEEP_ANYWHERE float operator()(uint32_t i) const {
    const int column = static_cast<int>(i) % s.inWidth + s.window.padLeft;
    const int rest = static_cast<int>(i) / s.inWidth, row = rest % s.inHeight + s.window.padTop;
    const uint32_t pooled = static_cast<uint32_t>(rest / s.inHeight * s.outHeight * s.outWidth);
    const int lastY = lastWindow(row, s.window.strideY, s.outHeight);
    const int lastX = lastWindow(column, s.window.strideX, s.outWidth);
    float sum = 0;
    for (int oy = firstWindow(row, s.window.height, s.window.strideY); oy <= lastY; ++oy) {
      for (int ox = firstWindow(column, s.window.width, s.window.strideX); ox <= lastX; ++ox) {
        const uint32_t at = pooled + static_cast<uint32_t>(oy * s.outWidth + ox);
        const int index = (row - oy * s.window.strideY) * s.window.width + column - ox * s.window.strideX;
        if (winners[at] == index && !(y && !(y[at] > 0))) sum += gradient[at];
      }
    }
    return dx[i] = sum;
  }
};

/** Where a smaller map lies in a larger one. */
struct Frame {
  int height, width, paddedHeight, paddedWidth, top, left;
};

struct Pad {
  const float* x;
  Frame s;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const int column = static_cast<int>(i) % s.paddedWidth - s.left,
              rest = static_cast<int>(i) / s.paddedWidth;
    const int row = rest % s.paddedHeight - s.top, map = rest / s.paddedHeight;
    const bool inside = row >= 0 && row < s.height && column >= 0 && column < s.width;
    out[i] = inside ? x[(map * s.height + row) * s.width + column] : 0;
  }
};

struct Crop {
  const float* gradient;
  Frame s;
  float* dx;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const int column = static_cast<int>(i) % s.width, rest = static_cast<int>(i) / s.width;
    const int row = rest % s.height, map = rest / s.height;
    dx[i] = gradient[(map * s.paddedHeight + s.top + row) * s.paddedWidth + s.left + column];
  }
};

/** A block per unit. */
struct DenseNorm {
  float* x;
  uint32_t n, units;
  Epilogue epilogue;
  TrainingNorm norm;
  float* out;
  template <typename Threads>
  CONVSWEEP_DEVICE void operator()(const Threads& threads, uint32_t unit) const {
    const auto count = static_cast<float>(n);
    const auto value = [&](uint32_t i) -> float& { return x[i * units + unit]; };
    const float mean =
        threads.sum(n, [&](uint32_t i) { return value(i) = epilogue(value(i), unit); }) / count;
    const auto deviation = [&](uint32_t i) { return value(i) - mean; };
    const float variance = threads.sum(n, [&](uint32_t i) { return deviation(i) * deviation(i); }) / count;
    const float inverse = 1 / sqrtf(variance + norm.epsilon);
    threads.each(n, [&](uint32_t i) {
      out[i * units + unit] = deviation(i) * inverse * norm.gamma[unit] + norm.beta[unit];
    });
    threads.once([&] {
      norm.mean[unit] = mean;
      norm.inverseDeviation[unit] = inverse;
      norm.move(unit, mean, variance);
    });
  }
};

/** A block per unit. */
struct DenseNormBackward {
  const float *y, *gradient;
  uint32_t n, units;
  bool relu;
  TrainingNorm norm;
  float *out, *biasGradient;
  template <typename Threads>
  CONVSWEEP_DEVICE void operator()(const Threads& threads, uint32_t unit) const {
    const auto count = static_cast<float>(n);
    const float mean = norm.mean[unit], inverse = norm.inverseDeviation[unit];
    const auto normalised = [&](uint32_t i) { return (y[i * units + unit] - mean) * inverse; };
    const float sum = threads.sum(n, [&](uint32_t i) { return gradient[i * units + unit]; });
    const float product =
        threads.sum(n, [&](uint32_t i) { return gradient[i * units + unit] * normalised(i); });
    const float bias = threads.sum(n, [&](uint32_t i) {
      const uint32_t at = i * units + unit;
      const float off = (sum + normalised(i) * product) / count;
      return out[at] = relu && !(y[at] > 0) ? 0 : (gradient[at] - off) * inverse * norm.gamma[unit];
    });
    threads.once([&] {
      norm.gammaGradient[unit] = product;
      norm.betaGradient[unit] = sum;
      if (biasGradient) biasGradient[unit] = bias;
    });
  }
};

struct UpdateMoving {
  TrainingNorm norm;
  CONVSWEEP_ANYWHERE void operator()(uint32_t c) const {
    const float deviation = 1 / norm.inverseDeviation[c];
    // Rounding may leave less than nothing of a channel that never varies.
    norm.move(c, norm.mean[c], clipped(deviation * deviation - norm.epsilon));
  }
};

struct Dropout {
  const Cursor* cursor;
  const float* x;
  Order order;
  float rate;
  unsigned stream;
  uint32_t seed;
  float* out;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const uint32_t size = order.size();
    const uint64_t key = dropoutKey(seed, stream, cursor->step);
    const uint64_t inKeras = static_cast<uint64_t>(i / size) * size + order.toKeras(i % size);
    out[i] = x[i] * dropoutFactor(key, inKeras, rate);
  }
};

struct LossSum {
  double loss;
  unsigned long long correct;
  CONVSWEEP_ANYWHERE LossSum& operator+=(const LossSum& other) {
    loss += other.loss;
    correct += other.correct;
    return *this;
  }
};

/** One block, a term per image. In double: the classes are few, and the loss is compared across devices. */
struct CrossEntropy {
  using Sum = LossSum;
  const Cursor* cursor;
  const float* logits;
  uint32_t n;
  Order order;
  float* gradient;
  DeviceTotals* totals;

  CONVSWEEP_ANYWHERE uint32_t terms(uint32_t) const { return n; }

  CONVSWEEP_ANYWHERE LossSum term(uint32_t, uint32_t i) const {
    const uint32_t classes = order.size();
    const float* z = logits + i * classes;
    const uint32_t row = cursor->rows[cursor->first + i];
    const uint32_t label = order.fromKeras(cursor->labels[row]);
    uint32_t predicted = 0;
    for (uint32_t k = 1; k < classes; ++k) {
      const uint32_t c = order.fromKeras(k);
      if (z[c] > z[predicted]) predicted = c;
    }
    double sum = 0;
    for (uint32_t c = 0; c < classes; ++c) sum += exp(static_cast<double>(z[c]) - z[predicted]);
    if (gradient) writeGradient(z, z[predicted], sum, label, gradient + i * classes);
    LossSum result{};
    result.loss = log(sum) - (static_cast<double>(z[label]) - z[predicted]);
    result.correct = predicted == label;
    return result;
  }

  /** The label's own entry is minus the sum of the others: exact where softmax is near 1. */
  CONVSWEEP_ANYWHERE void writeGradient(const float* z, float largest, double sum, uint32_t label,
                                        float* to) const {
    double others = 0;
    for (uint32_t c = 0; c < order.size(); ++c) {
      if (c == label) continue;
      const double share = exp(static_cast<double>(z[c]) - largest) / sum / n;
      others += share;
      to[c] = static_cast<float>(share);
    }
    to[label] = static_cast<float>(-others);
  }

  CONVSWEEP_ANYWHERE void finish(uint32_t, const LossSum& sum) const {
    totals->loss += sum.loss;
    totals->correct += sum.correct;
    totals->images += n;
  }
};

struct AdamUpdate {
  const Cursor* cursor;
  float beta1, beta2, epsilon;
  const float* gradient;
  float *w, *m, *v;
  CONVSWEEP_ANYWHERE void operator()(uint32_t i) const {
    const float g = gradient[i];
    m[i] += (g - m[i]) * (1 - beta1);
    v[i] += (g * g - v[i]) * (1 - beta2);
    w[i] -= cursor->stepSize * m[i] / (sqrtf(v[i]) + epsilon);
  }
};

}  // namespace convsweep::cuda
