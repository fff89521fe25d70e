// Compiled once per instruction set with CONVSWEEP_ISA naming it. Nothing here may instantiate a standard
// template or call an inline function of another header: the linker keeps one copy of each, and a copy
// compiled for AVX-512 would crash an older processor.
#include "cpu/kernels.h"

#include "cpu/conv/kernels_isa.h"
#include "cpu/gemm_isa.h"
#include "cpu/pool/kernels_isa.h"
#include "cpu/simd.h"
#include "cpu/stem_isa.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

// ---- Elementwise ------------------------------------------------------------------------------------------

void rescale(const uint8_t* x, size_t size, float scale, float offset, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<float>(x[i]) * scale + offset;
}

void affine(const float* x, size_t size, float scale, float offset, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] * scale + offset;
}

void relu(const float* x, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] < 0 ? 0 : x[i];  // keeps NaN
}

void biasRelu(float* x, size_t rows, size_t columns, const float* bias, bool clip) {
  if (bias) {
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) x[i * columns + j] += bias[j];
    }
  }
  if (clip) relu(x, rows * columns, x);
}

void reluBackward(const float* y, const float* gradient, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = y[i] > 0 ? gradient[i] : 0;
}

// ---- Sums over rows ---------------------------------------------------------------------------------------
// Float sums of 64 rows, merged in double: as exact as double throughout for the sizes at hand, at the speed
// of float.

constexpr size_t kChunk = 64;
constexpr size_t kStrip = 64;  // columns at a time, so that the accumulators stay in the first-level cache

/** Calls `term(row, column)` and writes the columns' sums. */
template <typename Term>
inline void sumColumns(size_t rows, size_t columns, float* sums, double divisor, Term term) {
  for (size_t j0 = 0; j0 < columns; j0 += kStrip) {
    const size_t width = least(kStrip, columns - j0);
    double total[kStrip] = {};
    for (size_t i0 = 0; i0 < rows; i0 += kChunk) {
      const size_t end = least(rows, i0 + kChunk);
      float part[kStrip] = {};
      for (size_t i = i0; i < end; ++i) {
        for (size_t j = 0; j < width; ++j) part[j] += term(i, j0 + j);
      }
      for (size_t j = 0; j < width; ++j) total[j] += static_cast<double>(part[j]);
    }
    for (size_t j = 0; j < width; ++j) sums[j0 + j] = static_cast<float>(total[j] / divisor);
  }
}

void columnSums(const float* x, size_t rows, size_t columns, float* sums) {
  sumColumns(rows, columns, sums, 1, [=](size_t i, size_t j) { return x[i * columns + j]; });
}

void moments(const float* x, size_t rows, size_t columns, float* mean, float* variance) {
  const double count = static_cast<double>(rows);
  // Relative to the first row, so that the mean of equal values is that value.
  sumColumns(rows, columns, mean, count, [=](size_t i, size_t j) { return x[i * columns + j] - x[j]; });
  for (size_t j = 0; j < columns; ++j) mean[j] += x[j];
  sumColumns(rows, columns, variance, count, [=](size_t i, size_t j) {
    const float centred = x[i * columns + j] - mean[j];
    return centred * centred;
  });
}

void normalise(const float* x, size_t rows, size_t columns, const float* mean, const float* scale,
               const float* shift, float* out) {
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j)
      out[i * columns + j] = (x[i * columns + j] - mean[j]) * scale[j] + shift[j];
  }
}

void normSums(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
              const float* inverseDeviation, float* dgamma, float* dbeta) {
  columnSums(gradient, rows, columns, dbeta);
  sumColumns(rows, columns, dgamma, 1, [=](size_t i, size_t j) {
    return gradient[i * columns + j] * ((x[i * columns + j] - mean[j]) * inverseDeviation[j]);
  });
}

void normBackward(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
                  const float* inverseDeviation, const float* gamma, const float* dgamma, const float* dbeta,
                  float share, float* dx) {
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      const float xhat = (x[i * columns + j] - mean[j]) * inverseDeviation[j];
      dx[i * columns + j] = gamma[j] * inverseDeviation[j] *
                            (gradient[i * columns + j] - dbeta[j] * share - xhat * (dgamma[j] * share));
    }
  }
}

// ---- Dropout ----------------------------------------------------------------------------------------------

/** As in backend/hash.h. */
inline uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void dropout(const float* x, size_t first, size_t size, uint64_t key, float rate, float* factors, float* out) {
  const float kept = 1 / (1 - rate);
  for (size_t i = 0; i < size; ++i) {
    const float uniform = static_cast<float>(static_cast<int32_t>(mixed(key + first + i) >> 40)) * 0x1p-24f;
    factors[i] = uniform < rate ? 0 : kept;
    out[i] = x[i] * factors[i];
  }
}

void multiply(const float* x, const float* y, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] * y[i];
}

// ---- Optimizer --------------------------------------------------------------------------------------------

void adam(float* w, float* m, float* v, const float* gradient, size_t size, float stepSize, float beta1,
          float beta2, float epsilon) {
  for (size_t i = 0; i < size; ++i) {
    const float g = gradient[i];
    m[i] += (g - m[i]) * (1 - beta1);
    v[i] += (g * g - v[i]) * (1 - beta2);
    w[i] -= stepSize * m[i] / (__builtin_sqrtf(v[i]) + epsilon);
  }
}

}  // namespace

#define CONVSWEEP_TEXT(x) #x
#define CONVSWEEP_NAME(x) CONVSWEEP_TEXT(x)

const StemKernels stemTable = {
    .tiles = kTiles,
    .inkRows = inkRows,
    .firstRows = firstRows,
    .firstForward = firstForward,
    .secondKernel = secondKernel,
    .secondTile = secondTile,
    .secondMultiply = secondMultiply,
    .secondPool = secondPool,
    .secondNormSums = secondNormSums,
    .secondNormalise = secondNormalise,
    .secondGradient = secondGradient,
    .listByFilter = listByFilter,
    .secondWeights = secondWeights,
    .listByPosition = listByPosition,
    .secondInput = secondInput,
    .firstQuads = firstQuads,
    .firstWeights = firstWeights,
};

const ConvKernels convTable = {
    .lanes = kLanes,
    .packedSize = packedSize,
    .pack = pack,
    .correlate = correlate,
    .weightSums = weightSums,
    .tileInputs = tileInputs,
    .tileResults = tileResults,
    .tileGradients = tileGradients,
    .tileKernel = tileKernel,
    .tileKernelGradient = tileKernelGradient,
    .listByFilter = listByFilter,
    .addPatches = addPatches,
    .listByPatch = listByPatch,
    .spread = spread,
};

extern const Kernels table;
const Kernels table = {
    CONVSWEEP_NAME(CONVSWEEP_ISA),
    gemm,
    rescale,
    affine,
    biasRelu,
    relu,
    reluBackward,
    columnSums,
    poolRow,
    poolBackward,
    dropout,
    multiply,
    moments,
    normalise,
    normSums,
    normBackward,
    adam,
    &convTable,
    &stemTable,
};

}  // namespace convsweep::cpu::CONVSWEEP_ISA
