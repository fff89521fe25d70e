// Compiled once per instruction set with CONVSWEEP_ISA naming it. Nothing here may instantiate a standard
// template or call an inline function of another header: the linker keeps one copy of each, and a copy
// compiled for AVX-512 would crash an older processor.
#include "cpu/kernels.h"

#include "cpu/conv/kernels_isa.h"
#include "cpu/gemm_isa.h"
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

void normBackward(const float* x, const float* gradient, size_t rows, size_t all, size_t columns,
                  const float* mean, const float* inverseDeviation, const float* gamma, const float* dgamma,
                  const float* dbeta, float* dx) {
  const float share = 1 / static_cast<float>(all);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      const float xhat = (x[i * columns + j] - mean[j]) * inverseDeviation[j];
      dx[i * columns + j] = gamma[j] * inverseDeviation[j] *
                            (gradient[i * columns + j] - dbeta[j] * share - xhat * (dgamma[j] * share));
    }
  }
}

// ---- Windows ----------------------------------------------------------------------------------------------

/** The part of a window's side that lies in the image: positions [begin, end) of the window. */
struct Run {
  size_t begin, end;
};

inline Run insideOf(int left, int window, int width) {
  const int begin = left < 0 ? -left : 0, end = left > width - window ? width - left : window;
  return {(size_t)begin, (size_t)(end > begin ? end : begin)};
}

void im2col(const float* image, Extent in, Extent out, const Window& w, float* patches) {
  const size_t channels = static_cast<size_t>(in.channels), length = static_cast<size_t>(w.width) * channels;
  for (int oy = 0; oy < out.height; ++oy) {
    for (int ox = 0; ox < out.width; ++ox) {
      const int left = ox * w.strideX - w.padLeft;
      const Run run = insideOf(left, w.width, in.width);
      for (int ky = 0; ky < w.height; ++ky, patches += length) {
        const int y = oy * w.strideY + ky - w.padTop;
        if (y < 0 || y >= in.height) {
          for (size_t i = 0; i < length; ++i) patches[i] = 0;
          continue;
        }
        const float* from = image + static_cast<ptrdiff_t>(y * in.width + left) * in.channels;
        if (run.begin == 0 && run.end == static_cast<size_t>(w.width)) {
          // Whole vectors: what they write past the end is overwritten by the next row.
          for (size_t i = 0; i < length; i += kLanes) store(patches + i, load(from + i));
          continue;
        }
        for (size_t i = 0; i < run.begin * channels; ++i) patches[i] = 0;
        for (size_t i = run.begin * channels; i < run.end * channels; ++i) patches[i] = from[i];
        for (size_t i = run.end * channels; i < length; ++i) patches[i] = 0;
      }
    }
  }
}

void col2im(const float* patches, Extent in, Extent out, const Window& w, float* image) {
  const size_t channels = static_cast<size_t>(in.channels), length = static_cast<size_t>(w.width) * channels;
  for (int oy = 0; oy < out.height; ++oy) {
    for (int ox = 0; ox < out.width; ++ox) {
      const int left = ox * w.strideX - w.padLeft;
      const Run run = insideOf(left, w.width, in.width);
      for (int ky = 0; ky < w.height; ++ky, patches += length) {
        const int y = oy * w.strideY + ky - w.padTop;
        if (y < 0 || y >= in.height) continue;
        float* to = image + static_cast<ptrdiff_t>(y * in.width + left) * in.channels;
        for (size_t i = run.begin * channels; i < run.end * channels; ++i) to[i] += patches[i];
      }
    }
  }
}

void maxPool(const float* x, const PoolSpec& s, float* out, uint16_t* winners) {
  const size_t channels = static_cast<size_t>(s.in.channels);
  for (int oy = 0; oy < s.out.height; ++oy) {
    const int top = oy * s.window.strideY - s.window.padTop;
    const Run rows = insideOf(top, s.window.height, s.in.height);
    for (int ox = 0; ox < s.out.width; ++ox) {
      const int left = ox * s.window.strideX - s.window.padLeft;
      const Run columns = insideOf(left, s.window.width, s.in.width);
      bool first = true;
      for (int ky = (int)rows.begin; ky < (int)rows.end; ++ky) {
        for (int kx = (int)columns.begin; kx < (int)columns.end; ++kx) {
          const float* from =
              x + (static_cast<size_t>(top + ky) * s.in.width + static_cast<size_t>(left + kx)) * channels;
          const uint16_t index = static_cast<uint16_t>(ky * s.window.width + kx);
          if (first) {
            for (size_t c = 0; c < channels; ++c) {
              out[c] = from[c];
              winners[c] = index;
            }
            first = false;
          } else {
            for (size_t c = 0; c < channels; ++c) {
              winners[c] = from[c] > out[c] ? index : winners[c];
              out[c] = from[c] > out[c] ? from[c] : out[c];
            }
          }
        }
      }
      out += channels;
      winners += channels;
    }
  }
}

void maxPoolBackward(const float* gradient, const uint16_t* winners, const PoolSpec& s, float* dx) {
  const size_t channels = static_cast<size_t>(s.in.channels);
  for (int oy = 0; oy < s.out.height; ++oy) {
    for (int ox = 0; ox < s.out.width; ++ox) {
      const int top = oy * s.window.strideY - s.window.padTop,
                left = ox * s.window.strideX - s.window.padLeft;
      for (size_t c = 0; c < channels; ++c) {
        const int y = top + winners[c] / s.window.width, x = left + winners[c] % s.window.width;
        dx[(static_cast<size_t>(y) * s.in.width + x) * channels + c] += gradient[c];
      }
      gradient += channels;
      winners += channels;
    }
  }
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
    .poolRow = poolRow,
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
    im2col,
    col2im,
    maxPool,
    maxPoolBackward,
    moments,
    normalise,
    normSums,
    normBackward,
    adam,
    &convTable,
    &stemTable,
};

}  // namespace convsweep::cpu::CONVSWEEP_ISA
