// Dense products of windows and kernels. Compiled once per instruction set, see simd.h.
//
// Results are computed in tiles that stay in registers: neighbouring windows of a line times a few vectors of
// filters, over the whole depth. A value of a window is read where it lies, so no patches are written out.
#include <utility>

#include "cpu/conv/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

constexpr size_t kWidest = kLanes == 16 ? 4 : kLanes == 8 ? 3 : 2;
/**
 * Windows of a tile of `vectors` vectors: accumulators, a vector of the kernel each and one value fill the
 * registers.
 */
constexpr size_t mostWindows(size_t vectors) {
  return kLanes == 16 ? (vectors <= 2 ? 14 : vectors == 3 ? 9 : 6) : 12 / vectors;
}

inline size_t vectorsOf(size_t filters) {
  return (filters + kLanes - 1) / kLanes;
}

/** Vectors of the next panel where `left` are left. */
inline size_t panelWidth(size_t left, size_t count) {
  if (kLanes == 4) return least(left, 2);
  // With 8 sums or fewer a tile waits for its own results.
  if (kLanes == 8)
    return left == 3 || (left > 4 && 2 * evenPart(count, mostWindows(2)) <= 8) ? 3 : least(left, 2);
  if (left <= 4 && count <= 6) return left;
  return left == 4 ? 2 : least(left, 3);
}

/** Where a tile leaves its sums, and the columns of its last vector. */
struct Target {
  float* to;
  size_t stride, lastWidth;
  bool relu;
};

template <size_t kWindows, size_t kVectors>
void tile(const Windows& w, const float* first, const float* packed, const float* bias,
          const Target& target) {
  Vector sum[kWindows][kVectors];
#pragma GCC unroll 14
  for (size_t i = 0; i < kWindows; ++i) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sum[i][v] = load(bias + v * kLanes);
  }
  // One pointer per three windows, so that all addresses are pointer + step * {0, 1, 2}.
  constexpr size_t kPointers = (kWindows + 2) / 3;
  const size_t step = w.step;
  for (size_t row = 0; row < w.rows; ++row) {
    const float* windows[kPointers];
#pragma GCC unroll 5
    for (size_t i = 0; i < kPointers; ++i) windows[i] = first + 3 * i * step;
    for (size_t t = 0; t < w.run; ++t) {
      Vector values[kVectors];
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) values[v] = load(packed + v * kLanes);
#pragma GCC unroll 14
      for (size_t i = 0; i < kWindows; ++i) {
        const Vector x = broadcast(windows[i / 3][i % 3 * step]);
#pragma GCC unroll 4
        for (size_t v = 0; v < kVectors; ++v) sum[i][v] += x * values[v];
      }
#pragma GCC unroll 5
      for (size_t i = 0; i < kPointers; ++i) ++windows[i];
      packed += kVectors * kLanes;
    }
    first += w.pitch;
  }
#pragma GCC unroll 14
  for (size_t i = 0; i < kWindows; ++i) {
    float* const to = target.to + i * target.stride;
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) {
      const Vector y = target.relu ? clip(sum[i][v]) : sum[i][v];
      if (v + 1 < kVectors || target.lastWidth == kLanes) {
        store(to + v * kLanes, y);
      } else {
        storePart(to + v * kLanes, y, target.lastWidth);
      }
    }
  }
}

/** The n-th takes n + 1 windows, or values. */
template <typename Tile, size_t kMax>
struct Tiles {
  Tile of[kMax];
};

typedef void (*Tile)(const Windows&, const float*, const float*, const float*, const Target&);

template <size_t kVectors, size_t... kFewer>
constexpr Tiles<Tile, sizeof...(kFewer)> tiles(std::index_sequence<kFewer...>) {
  return {{tile<kFewer + 1, kVectors>...}};
}

template <size_t kVectors>
void line(const Windows& w, const float* packed, const float* bias, Target target) {
  constexpr size_t kMax = mostWindows(kVectors);
  constexpr auto all = tiles<kVectors>(std::make_index_sequence<kMax>{});
  const float* first = w.first;
  size_t left = w.count;
  // Tiles of about the same size: small ones do not keep the multiply-add units busy.
  for (size_t parts = (left + kMax - 1) / kMax; parts > 0; --parts) {
    const size_t windows = (left + parts - 1) / parts;
    all.of[windows - 1](w, first, packed, bias, target);
    first += windows * w.step;
    target.to += windows * target.stride;
    left -= windows;
  }
}

// ---- Gradients of weights ---------------------------------------------------------------------------------

/** Of `kValues` neighbouring values of a run: sum[value][filter] over all windows. */
template <size_t kValues, size_t kVectors>
void sumTile(const Windows& w, const float* first, const float* gradient, size_t stride, float* sums,
             size_t sumsStride) {
  Vector sum[kValues][kVectors];
#pragma GCC unroll 14
  for (size_t i = 0; i < kValues; ++i) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) sum[i][v] = load(sums + i * sumsStride + v * kLanes);
  }
  for (size_t l = 0; l < w.lines; ++l) {
    const float* x = first + l * w.lineStep;
    for (size_t i = 0; i < w.count; ++i) {
      Vector g[kVectors];
#pragma GCC unroll 4
      for (size_t v = 0; v < kVectors; ++v) g[v] = load(gradient + v * kLanes);
#pragma GCC unroll 14
      for (size_t t = 0; t < kValues; ++t) {
        const Vector value = broadcast(x[t]);
#pragma GCC unroll 4
        for (size_t v = 0; v < kVectors; ++v) sum[t][v] += value * g[v];
      }
      x += w.step;
      gradient += stride;
    }
  }
#pragma GCC unroll 14
  for (size_t i = 0; i < kValues; ++i) {
#pragma GCC unroll 4
    for (size_t v = 0; v < kVectors; ++v) store(sums + i * sumsStride + v * kLanes, sum[i][v]);
  }
}

typedef void (*SumTile)(const Windows&, const float*, const float*, size_t, float*, size_t);

template <size_t kVectors, size_t... kFewer>
constexpr Tiles<SumTile, sizeof...(kFewer)> sumTiles(std::index_sequence<kFewer...>) {
  return {{sumTile<kFewer + 1, kVectors>...}};
}

template <size_t kVectors>
void sumPanel(const Windows& w, const float* gradient, size_t stride, float* sums, size_t sumsStride) {
  constexpr size_t kMax = mostWindows(kVectors);
  constexpr auto all = sumTiles<kVectors>(std::make_index_sequence<kMax>{});
  for (size_t row = 0; row < w.rows; ++row) {
    const float* first = w.first + row * w.pitch;
    size_t left = w.run;
    for (size_t parts = (left + kMax - 1) / kMax; parts > 0; --parts) {
      const size_t values = (left + parts - 1) / parts;
      all.of[values - 1](w, first, gradient, stride, sums, sumsStride);
      first += values;
      sums += values * sumsStride;
      left -= values;
    }
  }
}

}  // namespace

// Layout: the bias in whole vectors, then panels [depth][vectors * kLanes], padded with zeros.

size_t packedSize(size_t depth, size_t filters) {
  return (depth + 1) * vectorsOf(filters) * kLanes;
}

void pack(const float* kernel, const float* bias, size_t depth, size_t filters, size_t count, float* packed) {
  const size_t all = vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < all; ++f) packed[f] = bias && f < filters ? bias[f] : 0;
  packed += all;
  for (size_t f = 0; f < filters;) {
    const size_t width = panelWidth(vectorsOf(filters - f), count) * kLanes;
    for (size_t d = 0; d < depth; ++d, packed += width) {
      for (size_t i = 0; i < width; i += kLanes) {
        const size_t left = f + i < filters ? filters - f - i : 0;
        store(packed + i, loadPart(kernel + d * filters + f + i, least(left, kLanes)));
      }
    }
    f += width;
  }
}

void correlate(const Windows& w, const PackedKernel& kernel, bool relu, float* to, size_t stride,
               bool padded) {
  const size_t filters = kernel.filters;
  const float* const bias = kernel.data;
  const float* packed = bias + vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < filters;) {
    const size_t vectors = panelWidth(vectorsOf(filters - f), kernel.count);
    const size_t width = vectors * kLanes;
    const Target target{to + f, stride, padded ? kLanes : least(filters - f, width) - (vectors - 1) * kLanes,
                        relu};
    if (vectors == 1) line<1>(w, packed, bias + f, target);
    if (vectors == 2) line<2>(w, packed, bias + f, target);
    if constexpr (kWidest >= 3) {
      if (vectors == 3) line<3>(w, packed, bias + f, target);
    }
    if constexpr (kWidest == 4) {
      if (vectors == 4) line<4>(w, packed, bias + f, target);
    }
    packed += w.rows * w.run * width;
    f += width;
  }
}

void weightSums(const Windows& w, const float* gradient, size_t filters, size_t stride, float* sums) {
  const size_t all = vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < filters;) {
    const size_t vectors = panelWidth(vectorsOf(filters - f), w.run);
    if (vectors == 1) sumPanel<1>(w, gradient + f, stride, sums + f, all);
    if (vectors == 2) sumPanel<2>(w, gradient + f, stride, sums + f, all);
    if constexpr (kWidest >= 3) {
      if (vectors == 3) sumPanel<3>(w, gradient + f, stride, sums + f, all);
    }
    if constexpr (kWidest == 4) {
      if (vectors == 4) sumPanel<4>(w, gradient + f, stride, sums + f, all);
    }
    f += vectors * kLanes;
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
