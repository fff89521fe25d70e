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

/** Vectors of the next panel where `left` are left. */
inline size_t panelWidth(size_t left, size_t count) {
  if (kLanes == 4) return least(left, 2);
  // With 8 sums or fewer a tile waits for its own results.
  if (kLanes == 8)
    return left == 3 || (left > 4 && 2 * evenPart(count, mostWindows(2)) <= 8) ? 3 : least(left, 2);
  if (left <= 4 && count <= 6) return left;
  return left == 4 ? 2 : least(left, 3);
}

/** What a tile is wide: vectors, and the floats in them, of which the last vector may be half a one. */
struct Panel {
  size_t vectors, width;

  /** The next one where `left` filters are left. */
  Panel(size_t left, size_t count) : vectors(panelWidth(vectorsOf(left), count)), width(vectors * kLanes) {
    if (left + kLanesOf<Half> <= width) width -= kLanes - kLanesOf<Half>;
  }
  /** Calls run.operator()<vectors, type of the last>(). */
  template <size_t kVectors = kWidest, typename Run>
  void call(const Run& run) const {
    if (vectors != kVectors) {
      if constexpr (kVectors > 1) call<kVectors - 1>(run);
    } else if (width < vectors * kLanes) {
      run.template operator()<kVectors, Half>();
    } else {
      run.template operator()<kVectors, Vector>();
    }
  }
};

/** Where a tile leaves its sums, and how many floats of its last vector. */
struct Target {
  float* to;
  size_t stride, lastWidth;
  bool relu;
};

template <size_t kVectors, typename Last>
inline void leave(const Row<kVectors, Last>& sums, float* to, const Target& target) {
  constexpr size_t kWhole = kVectors - 1;
#pragma GCC unroll 3
  for (size_t v = 0; v < kWhole; ++v)
    store(to + v * kLanes, target.relu ? clip(sums.whole[v]) : sums.whole[v]);
  const Last last = target.relu ? clip(sums.last) : sums.last;
  to += kWhole * kLanes;
  if (target.lastWidth == kLanes) {
    store(to, extended(last));
  } else {
    storePart(to, last, target.lastWidth);
  }
}

template <size_t kWindows, size_t kVectors, typename Last>
void tile(const Windows& w, const float* first, const float* packed, const float* bias,
          const Target& target) {
  Row<kVectors, Last> sum[kWindows];
#pragma GCC unroll 14
  for (size_t i = 0; i < kWindows; ++i) sum[i].read(bias);
  // One pointer per three windows, so that all addresses are pointer + step * {0, 1, 2}.
  constexpr size_t kPointers = (kWindows + 2) / 3;
  const size_t step = w.step;
  for (size_t row = 0; row < w.rows; ++row) {
    const float* windows[kPointers];
#pragma GCC unroll 5
    for (size_t i = 0; i < kPointers; ++i) windows[i] = first + 3 * i * step;
    for (size_t t = 0; t < w.run; ++t) {
      Row<kVectors, Last> values;
      values.read(packed);
#pragma GCC unroll 14
      for (size_t i = 0; i < kWindows; ++i) sum[i].addProduct(windows[i / 3][i % 3 * step], values);
#pragma GCC unroll 5
      for (size_t i = 0; i < kPointers; ++i) ++windows[i];
      packed += values.kWidth;
    }
    first += w.pitch;
  }
#pragma GCC unroll 14
  for (size_t i = 0; i < kWindows; ++i) leave(sum[i], target.to + i * target.stride, target);
}

/** The n-th takes n + 1 windows, or values. */
template <typename Tile, size_t kMax>
struct Tiles {
  Tile of[kMax];
};

typedef void (*Tile)(const Windows&, const float*, const float*, const float*, const Target&);

template <size_t kVectors, typename Last, size_t... kFewer>
constexpr Tiles<Tile, sizeof...(kFewer)> tiles(std::index_sequence<kFewer...>) {
  return {{tile<kFewer + 1, kVectors, Last>...}};
}

template <size_t kVectors, typename Last>
void line(const Windows& w, const float* packed, const float* bias, Target target) {
  constexpr size_t kMax = mostWindows(kVectors);
  static constexpr auto all = tiles<kVectors, Last>(std::make_index_sequence<kMax>{});
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
template <size_t kValues, size_t kVectors, typename Last>
void sumTile(const Windows& w, const float* first, const float* gradient, size_t stride, float* sums,
             size_t sumsStride) {
  Row<kVectors, Last> sum[kValues];
#pragma GCC unroll 14
  for (size_t i = 0; i < kValues; ++i) sum[i].read(sums + i * sumsStride);
  for (size_t l = 0; l < w.lines; ++l) {
    const float* x = first + l * w.lineStep;
    for (size_t i = 0; i < w.count; ++i) {
      Row<kVectors, Last> g;
      g.read(gradient);
#pragma GCC unroll 14
      for (size_t t = 0; t < kValues; ++t) sum[t].addProduct(x[t], g);
      x += w.step;
      gradient += stride;
    }
  }
#pragma GCC unroll 14
  for (size_t i = 0; i < kValues; ++i) sum[i].write(sums + i * sumsStride);
}

typedef void (*SumTile)(const Windows&, const float*, const float*, size_t, float*, size_t);

template <size_t kVectors, typename Last, size_t... kFewer>
constexpr Tiles<SumTile, sizeof...(kFewer)> sumTiles(std::index_sequence<kFewer...>) {
  return {{sumTile<kFewer + 1, kVectors, Last>...}};
}

template <size_t kVectors, typename Last>
void sumPanel(const Windows& w, const float* gradient, size_t stride, float* sums, size_t sumsStride) {
  constexpr size_t kMax = mostWindows(kVectors);
  static constexpr auto all = sumTiles<kVectors, Last>(std::make_index_sequence<kMax>{});
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

// Layout: the bias in whole vectors, then panels [depth][width], padded with zeros.

size_t packedSize(size_t depth, size_t filters) {
  return (depth + 1) * vectorsOf(filters) * kLanes;
}

void pack(const float* kernel, const float* bias, size_t depth, size_t filters, size_t count, float* packed) {
  const size_t all = vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < all; ++f) packed[f] = bias && f < filters ? bias[f] : 0;
  packed += all;
  for (size_t f = 0; f < filters;) {
    const Panel panel(filters - f, count);
    for (size_t d = 0; d < depth; ++d, packed += panel.width) {
      // Half of a last vector may be overwritten by the next row, for which there is room.
      for (size_t i = 0; i < panel.width; i += kLanes)
        store(packed + i, loadUpTo(kernel + d * filters + f + i, filters - f - i));
    }
    f += panel.width;
  }
}

void correlate(const Windows& w, const PackedKernel& kernel, bool relu, float* to, size_t stride,
               bool padded) {
  const size_t filters = kernel.filters;
  const float* const bias = kernel.data;
  const float* packed = bias + vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < filters;) {
    const Panel panel(filters - f, kernel.count);
    const size_t last = padded ? kLanes : least(filters - f, panel.width) - (panel.vectors - 1) * kLanes;
    panel.call([&]<size_t kVectors, typename Last>() {
      line<kVectors, Last>(w, packed, bias + f, {to + f, stride, last, relu});
    });
    packed += w.depth() * panel.width;
    f += panel.width;
  }
}

void weightSums(const Windows& w, const float* gradient, size_t filters, size_t stride, float* sums) {
  const size_t all = vectorsOf(filters) * kLanes;
  for (size_t f = 0; f < filters;) {
    const Panel panel(filters - f, w.run);
    panel.call([&]<size_t kVectors, typename Last>() {
      sumPanel<kVectors, Last>(w, gradient + f, stride, sums + f, all);
    });
    f += panel.width;
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
