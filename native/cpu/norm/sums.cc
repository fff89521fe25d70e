// Sums over rows, and what batch norm does with them. Compiled once per instruction set, see simd.h.
//
// Float sums of 64 rows, merged in double: as exact as double throughout for the sizes at hand, at the speed
// of float.
#include "cpu/norm/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

namespace {

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

}  // namespace

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

}  // namespace convsweep::cpu::CONVSWEEP_ISA
