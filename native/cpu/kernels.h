#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/plan.h"
#include "cpu/conv/kernels.h"
#include "cpu/dense/matrix.h"
#include "cpu/stem/kernels.h"

/**
 * The loops that are compiled once per instruction set and chosen at run time. All arrays are dense and
 * row-major unless strides are named; none may overlap.
 */
namespace convsweep::cpu {

/** The windows [begin, end) of a row of a pooled map. */
struct PoolRow {
  size_t y, begin, end;
};

struct Kernels {
  const char* name;

  /**
   * C[m x n] = A[m x k] B[k x n]; zeros of A may be left out. `scratch`: kGemmScratch floats. `lists`:
   * kListedRows.
   */
  void (*gemm)(size_t m, size_t n, size_t k, Matrix a, Matrix b, float* c, size_t ldc, float* scratch,
               ValueList* lists);

  /** out = x * scale + offset */
  void (*rescale)(const uint8_t* x, size_t size, float scale, float offset, float* out);
  void (*affine)(const float* x, size_t size, float scale, float offset, float* out);
  /** x[i][c] = x[i][c] + bias[c], then max(., 0) if `relu`. `bias` may be null. */
  void (*biasRelu)(float* x, size_t rows, size_t columns, const float* bias, bool relu);
  /** out = max(x, 0) */
  void (*relu)(const float* x, size_t size, float* out);
  /** out = gradient where y > 0, else 0; `out` may be `gradient`. */
  void (*reluBackward)(const float* y, const float* gradient, size_t size, float* out);
  /** sums[c] = sum over rows of x[i][c], accumulated in double per 64 rows. */
  void (*columnSums)(const float* x, size_t rows, size_t columns, float* sums);

  /**
   * A row of an image's pooled map, or a part of it, clipped at 0 if `relu`. `map`: [y][x][channel],
   * positions `stride` apart, read in whole vectors. `to`, `winners`: of the whole row; winners of the
   * position of the window's first largest value, y * lineStep + x * step; null in inference. `tolerance`:
   * for each channel, in whole vectors, by how much a value may fall short of the largest and count as large;
   * null: nothing.
   */
  void (*poolRow)(const PoolSpec& pool, const float* map, size_t stride, const PoolRow& row, bool relu,
                  size_t lineStep, size_t step, const float* tolerance, float* to, int32_t* winners);
  /** The largest absolute value of each channel, both in whole vectors. */
  void (*largestOf)(const float* map, size_t positions, size_t stride, size_t channels, float* to);
  /**
   * dx of an image: each gradient at its winner's place. `winners`: as of lines and positions of the image.
   */
  void (*poolBackward)(const PoolSpec& pool, const float* gradient, const int32_t* winners, float* dx);

  /** factors[i] = dropoutFactor(key, first + i, rate), out = x * factors. */
  void (*dropout)(const float* x, size_t first, size_t size, uint64_t key, float rate, float* factors,
                  float* out);
  /** out = x * y */
  void (*multiply)(const float* x, const float* y, size_t size, float* out);

  /** Mean and biased variance of each column, in two passes, accumulated in double per 64 rows. */
  void (*moments)(const float* x, size_t rows, size_t columns, float* mean, float* variance);
  /**
   * out[i][c] = (x[i][c] - mean[c]) * scale[c] + shift[c], then max(., 0) if `relu`; in this form exact where
   * mean is large against deviation. `out` may be `x`.
   */
  void (*normalise)(const float* x, size_t rows, size_t columns, const float* mean, const float* scale,
                    const float* shift, bool relu, float* out);
  /**
   * dgamma = sum(gradient * xhat), dbeta = sum(gradient) with xhat = (x - mean) * inverseDeviation. Here and
   * below `shift` is null but where ReLU follows: gradients count as 0 then where `normalise` by it and
   * `scale` would be clipped. (To compute that again costs less than to read it again.)
   */
  void (*normSums)(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
                   const float* inverseDeviation, const float* scale, const float* shift, float* dgamma,
                   float* dbeta);
  /**
   * dx = scale * (gradient - dbeta * share - xhat * dgamma * share), share: 1 / rows of the batch; `dx` may
   * be `gradient`.
   */
  void (*normBackward)(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
                       const float* inverseDeviation, const float* scale, const float* shift,
                       const float* dgamma, const float* dbeta, float share, float* dx);

  /** One Adam step over flat arrays; `stepSize` is bias-corrected. */
  void (*adam)(float* w, float* m, float* v, const float* gradient, size_t size, float stepSize, float beta1,
               float beta2, float epsilon);

  const ConvKernels* conv;
  const StemKernels* stem;
};

/** The instruction sets compiled in that this machine has, best first. */
std::vector<std::string> instructionSets();
/**
 * The best of them, or the one that the environment variable CONVSWEEP_ISA names. Throws Error
 * DEVICE_UNAVAILABLE if that one is not available.
 */
const Kernels& kernels();

}  // namespace convsweep::cpu
