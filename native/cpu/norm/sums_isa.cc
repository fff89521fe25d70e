// Sums over rows, and what batch norm does with them. Compiled once per instruction set, see simd.h.
//
// Float sums of 64 rows, merged in double: as exact as double throughout for the sizes at hand, at the speed
// of float.
//
// Rows of a map are narrow: 8 channels are half a vector. Many such rows are read as one array, in groups of
// vectors that begin with a row; a vector's place in its group says which channels its lanes are.
#include "cpu/elementwise/kernels_isa.h"
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

// ---- Groups of narrow rows --------------------------------------------------------------------------------

/** Two sums and what they are made of stay in registers. */
constexpr size_t kMostVectors = kLanes == 16 ? 8 : 4;
/** Fewer rows are not worth laying out what belongs to the columns. */
constexpr size_t kManyRows = 256;

template <size_t kVectors>
struct Group {};

/** Calls `call` with a group of whole rows; false where the rows are few, or too wide for one. */
template <size_t kVectors = kMostVectors, typename Call>
inline bool withGroup(size_t rows, size_t columns, const Call& call) {
  const size_t period = columns / least(columns & -columns, kLanes);
  if (rows < kManyRows || period > kMostVectors) return false;
  if (kMostVectors / period * period == kVectors) {
    call(Group<kVectors>{});
    return true;
  }
  if constexpr (kVectors > kMostVectors / 2 + 1) return withGroup<kVectors - 1>(rows, columns, call);
  return false;
}

/** A value per column, once for each row of a group. */
template <size_t kVectors>
class Columns {
 public:
  template <typename Value>
  Columns(size_t columns, Value value) {
    for (size_t i = 0, c = 0; i < kVectors * kLanes; ++i, c = c + 1 < columns ? c + 1 : 0)
      values_[i] = value(c);
  }
  Vector operator[](size_t vector) const { return load(values_ + vector * kLanes); }

 private:
  float values_[kVectors * kLanes];
};

/** Calls `call` with the gradient of (row, column) that ReLU lets pass. Two calls: a choice would keep the
 * compiler from making vectors. */
template <typename Call>
inline void withPassed(const float* x, const float* gradient, size_t columns, const float* mean,
                       const float* scale, const float* shift, const Call& call) {
  if (!shift) return call([=](size_t i, size_t j) { return gradient[i * columns + j]; });
  call([=](size_t i, size_t j) {
    const float g = gradient[i * columns + j], y = (x[i * columns + j] - mean[j]) * scale[j] + shift[j];
    return y > 0 ? g : 0.0f;
  });
}

inline auto valuesOf(const float* columns) {
  return [=](size_t c) { return columns[c]; };
}

/** Calls body(first, vector of the group, width) for all of `size` values; only the last are not kLanes wide.
 */
template <size_t kVectors, typename Body>
inline void eachVector(size_t size, Body body) {
  size_t i = 0;
  for (; i + kVectors * kLanes <= size; i += kVectors * kLanes) {
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) body(i + v * kLanes, v, kLanes);
  }
  for (size_t v = 0; i < size; ++v, i += kLanes) body(i, v, least(size - i, kLanes));
}

/** sums[s][column] of terms[s], which `term(first, vector of the group, width, terms)` writes. */
template <size_t kSums, size_t kVectors, typename Term>
inline void sumGroups(size_t size, size_t columns, double divisor, float* const (&sums)[kSums], Term term) {
  constexpr size_t kGroup = kVectors * kLanes;
  double total[kSums][kGroup] = {};
  const size_t whole = size / kGroup * kGroup;
  for (size_t begin = 0; begin < whole; begin += kChunk * kGroup) {
    const size_t end = least(whole, begin + kChunk * kGroup);
    Vector part[kSums][kVectors] = {};
    for (size_t i = begin; i < end; i += kGroup) {
#pragma GCC unroll 8
      for (size_t v = 0; v < kVectors; ++v) {
        Vector terms[kSums];
        term(i + v * kLanes, v, kLanes, terms);
        for (size_t s = 0; s < kSums; ++s) part[s][v] += terms[s];
      }
    }
    for (size_t s = 0; s < kSums; ++s) {
      for (size_t i = 0; i < kGroup; ++i) total[s][i] += static_cast<double>(part[s][i / kLanes][i % kLanes]);
    }
  }
  for (size_t i = whole, v = 0; i < size; i += kLanes, ++v) {
    Vector terms[kSums];
    const size_t width = least(size - i, kLanes);
    term(i, v, width, terms);
    for (size_t s = 0; s < kSums; ++s) {
      for (size_t l = 0; l < width; ++l) total[s][v * kLanes + l] += static_cast<double>(terms[s][l]);
    }
  }
  for (size_t s = 0; s < kSums; ++s) {
    for (size_t c = 0; c < columns; ++c) {
      double sum = 0;
      for (size_t i = c; i < kGroup; i += columns) sum += total[s][i];
      sums[s][c] = static_cast<float>(sum / divisor);
    }
  }
}

}  // namespace

void columnSums(const float* x, size_t rows, size_t columns, float* sums) {
  if (withGroup(rows, columns, [&]<size_t kVectors>(Group<kVectors>) {
        sumGroups<1, kVectors>(
            rows * columns, columns, 1,
            {sums}, [=](size_t i, size_t, size_t width, Vector * terms) __attribute__((always_inline)) {
              terms[0] = loadUpTo(x + i, width);
            });
      })) {
    return;
  }
  sumColumns(rows, columns, sums, 1, [=](size_t i, size_t j) { return x[i * columns + j]; });
}

void moments(const float* x, size_t rows, size_t columns, float* mean, float* variance) {
  const double count = static_cast<double>(rows);
  // Relative to the first row, so that the mean of equal values is that value.
  if (withGroup(rows, columns, [&]<size_t kVectors>(Group<kVectors>) {
        const Columns<kVectors> first(columns, valuesOf(x));
        sumGroups<1, kVectors>(
            rows * columns, columns, count,
            {mean}, [&](size_t i, size_t v, size_t width, Vector * terms) __attribute__((always_inline)) {
              terms[0] = loadUpTo(x + i, width) - first[v];
            });
        for (size_t j = 0; j < columns; ++j) mean[j] += x[j];
        const Columns<kVectors> centre(columns, valuesOf(mean));
        sumGroups<1, kVectors>(
            rows * columns, columns, count,
            {variance}, [&](size_t i, size_t v, size_t width, Vector * terms) __attribute__((always_inline)) {
              const Vector centred = loadUpTo(x + i, width) - centre[v];
              terms[0] = centred * centred;
            });
      })) {
    return;
  }
  sumColumns(rows, columns, mean, count, [=](size_t i, size_t j) { return x[i * columns + j] - x[j]; });
  for (size_t j = 0; j < columns; ++j) mean[j] += x[j];
  sumColumns(rows, columns, variance, count, [=](size_t i, size_t j) {
    const float centred = x[i * columns + j] - mean[j];
    return centred * centred;
  });
}

void normalise(const float* x, size_t rows, size_t columns, const float* mean, const float* scale,
               const float* shift, bool relu, float* out) {
  if (withGroup(rows, columns, [&]<size_t kVectors>(Group<kVectors>) {
        const Columns<kVectors> means(columns, valuesOf(mean)), scales(columns, valuesOf(scale)),
            shifts(columns, valuesOf(shift));
        eachVector<kVectors>(
            rows * columns, [&](size_t i, size_t v, size_t width) __attribute__((always_inline)) {
              const Vector y = (loadUpTo(x + i, width) - means[v]) * scales[v] + shifts[v];
              storeUpTo(out + i, relu ? clip(y) : y, width);
            });
      })) {
    return;
  }
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j)
      out[i * columns + j] = (x[i * columns + j] - mean[j]) * scale[j] + shift[j];
  }
  if (relu) CONVSWEEP_ISA::relu(out, rows * columns, out);
}

void normSums(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
              const float* inverseDeviation, const float* scale, const float* shift, float* dgamma,
              float* dbeta) {
  if (withGroup(rows, columns, [&]<size_t kVectors>(Group<kVectors>) {
        const Columns<kVectors> means(columns, valuesOf(mean)), inverses(columns, valuesOf(inverseDeviation));
        const Columns<kVectors> scales(columns, valuesOf(scale)),
            shifts(columns, valuesOf(shift ? shift : mean));
        sumGroups<2, kVectors>(
            rows * columns, columns, 1, {dbeta, dgamma},
            [&](size_t i, size_t v, size_t width, Vector * terms) __attribute__((always_inline)) {
              const Vector centred = loadUpTo(x + i, width) - means[v];
              terms[0] = loadUpTo(gradient + i, width);
              if (shift) terms[0] = wherePositive(centred * scales[v] + shifts[v], terms[0]);
              terms[1] = terms[0] * (centred * inverses[v]);
            });
      })) {
    return;
  }
  withPassed(x, gradient, columns, mean, scale, shift, [&](auto passed) {
    sumColumns(rows, columns, dbeta, 1, passed);
    sumColumns(rows, columns, dgamma, 1, [=](size_t i, size_t j) {
      return passed(i, j) * ((x[i * columns + j] - mean[j]) * inverseDeviation[j]);
    });
  });
}

void normBackward(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
                  const float* inverseDeviation, const float* scale, const float* shift, const float* dgamma,
                  const float* dbeta, float share, float* dx) {
  if (withGroup(rows, columns, [&]<size_t kVectors>(Group<kVectors>) {
        const Columns<kVectors> means(columns, valuesOf(mean)), scales(columns, valuesOf(scale));
        const Columns<kVectors> shifts(columns, valuesOf(shift ? shift : mean));
        const Columns<kVectors> centres(columns, [=](size_t c) { return dbeta[c] * share; });
        const Columns<kVectors> slopes(
            columns, [=](size_t c) { return scale[c] * inverseDeviation[c] * (dgamma[c] * share); });
        eachVector<kVectors>(
            rows * columns, [&](size_t i, size_t v, size_t width) __attribute__((always_inline)) {
              const Vector centred = loadUpTo(x + i, width) - means[v];
              Vector g = loadUpTo(gradient + i, width);
              if (shift) g = wherePositive(centred * scales[v] + shifts[v], g);
              storeUpTo(dx + i, scales[v] * (g - centres[v]) - centred * slopes[v], width);
            });
      })) {
    return;
  }
  withPassed(x, gradient, columns, mean, scale, shift, [=](auto passed) {
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        const float xhat = (x[i * columns + j] - mean[j]) * inverseDeviation[j];
        dx[i * columns + j] = scale[j] * (passed(i, j) - dbeta[j] * share - xhat * (dgamma[j] * share));
      }
    }
  });
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
