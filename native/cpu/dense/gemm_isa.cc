// Matrix products. Compiled once per instruction set, see simd.h.
//
// C is computed in tiles that stay in registers, a block of A's columns (B's rows) at a time. B is packed
// into a panel as wide as a tile, padded with zeros, so that the inner loop reads it in order; A is read
// where it lies, one value at a time, since one of its strides is 1.
#include "cpu/dense/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

constexpr size_t kWidest = kLanes == 16 ? 3 : 2;  // vectors per row of a tile
constexpr size_t kDepth = 128;                    // a panel of it stays in the first-level cache
static_assert(kDepth * kWidest * kLanes <= kGemmScratch && kDepth <= DepthList::kMost);

/** Rows of a tile of `width` vectors: accumulators, a row of B and one value of A fill the registers. */
constexpr size_t rowsFor(size_t width) {
  return kLanes == 16 ? (width == 3 ? 8 : 12) : 6;
}

/** Vectors of the next panel where `left` vectors are left: as few narrow panels as can be. */
inline size_t panelWidth(size_t left) {
  return left <= kWidest ? left : kWidest == 3 && left == 4 ? 2 : kWidest;
}

/** One panel: packed[depth][vectors * kLanes]. */
void packPanel(Matrix b, size_t depth, size_t columns, size_t vectors, float* packed) {
  const size_t width = vectors * kLanes;
  if (b.columnStride == 1) {
    for (size_t p = 0; p < depth; ++p, packed += width) {
      const float* row = b.data + p * b.rowStride;
      size_t j = 0;
      for (; j + kLanes <= columns; j += kLanes) store(packed + j, load(row + j));
      if (j < width) store(packed + j, loadPart(row + j, columns - j));
    }
    return;
  }
  const size_t fours = columns / 4 * 4, deep = depth / 4 * 4;
  for (size_t j = 0; j < fours; j += 4) {
    for (size_t p = 0; p < deep; p += 4) {
      transpose4(b.data + j * b.columnStride + p, b.columnStride, packed + p * width + j, width);
    }
  }
  for (size_t p = 0; p < depth; ++p) {
    for (size_t j = p < deep ? fours : 0; j < width; ++j) {
      packed[p * width + j] = j < columns ? b.data[p * b.rowStride + j * b.columnStride] : 0;
    }
  }
}

/**
 * How a tile leaves its sums: C, its row stride, columns in the last vector, and whether to add to what is
 * there.
 */
struct Target {
  float* c;
  size_t stride, lastWidth;
  bool add;
};

template <size_t kRows, size_t kVectors>
inline void leave(const Vector (&sum)[kRows][kVectors], const Target& to) {
#pragma GCC unroll 12
  for (size_t i = 0; i < kRows; ++i) {
    float* row = to.c + i * to.stride;
#pragma GCC unroll 3
    for (size_t v = 0; v + 1 < kVectors; ++v, row += kLanes)
      store(row, to.add ? load(row) + sum[i][v] : sum[i][v]);
    const Vector last = sum[i][kVectors - 1];
    if (to.lastWidth == kLanes) {
      store(row, to.add ? load(row) + last : last);
    } else {
      storePart(row, to.add ? loadPart(row, to.lastWidth) + last : last, to.lastWidth);
    }
  }
}

/** The rows of B that a tile meets: all `count`, or those listed. */
struct Depths {
  const uint8_t* list;
  size_t count;
};

template <size_t kRows, size_t kVectors, bool kByColumn>
void listedTile(const Depths& depths, const float* a, size_t stride, const float* b, const Target& to) {
  Vector sum[kRows][kVectors] = {};
  constexpr size_t kPointers = (kRows + 2) / 3;
  const float* rows[kPointers];
#pragma GCC unroll 4
  for (size_t i = 0; i < kPointers; ++i) rows[i] = a + 3 * i * stride;
  for (size_t d = 0; d < depths.count; ++d) {
    const size_t p = depths.list[d];
    const float* const from = b + p * kVectors * kLanes;
    Vector values[kVectors];
#pragma GCC unroll 3
    for (size_t v = 0; v < kVectors; ++v) values[v] = load(from + v * kLanes);
#pragma GCC unroll 12
    for (size_t i = 0; i < kRows; ++i) {
      const Vector x = broadcast(kByColumn ? a[p * stride + i] : rows[i / 3][i % 3 * stride + p]);
#pragma GCC unroll 3
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] += x * values[v];
    }
  }
  leave(sum, to);
}

/** `kByColumn`: A's rows are neighbours, else its columns. */
template <size_t kRows, size_t kVectors, bool kByColumn>
void tile(const Depths& depths, const float* a, size_t stride, const float* b, const Target& to) {
  if (depths.list) return listedTile<kRows, kVectors, kByColumn>(depths, a, stride, b, to);
  const size_t depth = depths.count;
  Vector sum[kRows][kVectors] = {};
  // One pointer per three rows, so that all addresses are pointer + stride * {0, 1, 2}.
  constexpr size_t kPointers = (kRows + 2) / 3;
  const float* rows[kPointers];
#pragma GCC unroll 4
  for (size_t i = 0; i < kPointers; ++i) rows[i] = a + 3 * i * stride;
  for (size_t p = 0; p < depth; ++p) {
    Vector values[kVectors];
#pragma GCC unroll 3
    for (size_t v = 0; v < kVectors; ++v) values[v] = load(b + v * kLanes);
#pragma GCC unroll 12
    for (size_t i = 0; i < kRows; ++i) {
      const Vector x = broadcast(kByColumn ? a[i] : rows[i / 3][i % 3 * stride]);
#pragma GCC unroll 3
      for (size_t v = 0; v < kVectors; ++v) sum[i][v] += x * values[v];
    }
    if (kByColumn) {
      a += stride;
    } else {
#pragma GCC unroll 4
      for (size_t i = 0; i < kPointers; ++i) ++rows[i];
    }
    b += kVectors * kLanes;
  }
  leave(sum, to);
}

/** `lists`: for each kListRows rows which depths have a value that is not 0; null: not known. */
template <size_t kVectors, bool kByColumn>
void panel(size_t m, size_t depth, const float* a, size_t stride, const float* b, Target to,
           const DepthList* lists) {
  constexpr size_t kMost = rowsFor(kVectors);
  const size_t rows = lists ? kListRows : kMost;
  const size_t step = kByColumn ? 1 : stride;
  size_t i = 0;
  const auto next = [&](size_t rows) {
    i += rows;
    a += rows * step;
    to.c += rows * to.stride;
  };
  const auto depths = [&] {
    return lists ? Depths{lists[i / kListRows].depths, lists[i / kListRows].count} : Depths{nullptr, depth};
  };
  while (i + rows <= m) {
    if (lists) {
      tile<kListRows, kVectors, kByColumn>(depths(), a, stride, b, to);
    } else {
      tile<kMost, kVectors, kByColumn>(depths(), a, stride, b, to);
    }
    next(rows);
  }
  while (i + 4 <= m) {
    tile<4, kVectors, kByColumn>(depths(), a, stride, b, to);
    next(4);
  }
  while (i < m) {
    tile<1, kVectors, kByColumn>(depths(), a, stride, b, to);
    next(1);
  }
}

template <bool kByColumn>
void panels(size_t vectors, size_t m, size_t depth, const float* a, size_t stride, const float* b,
            const Target& to, const DepthList* lists) {
  if (vectors == 1) panel<1, kByColumn>(m, depth, a, stride, b, to, lists);
  if (vectors == 2) panel<2, kByColumn>(m, depth, a, stride, b, to, lists);
  if (kWidest == 3 && vectors == 3) panel<kWidest, kByColumn>(m, depth, a, stride, b, to, lists);
}

/** Lists the depths at which one of A's rows [0, rows) is not 0. */
template <bool kByColumn>
void listDepths(size_t rows, size_t depth, const float* a, size_t stride, DepthList& list) {
  size_t n = 0;
  if (kByColumn) {
    for (size_t p = 0; p < depth; ++p) {
      uint32_t any = 0;
      for (size_t i = 0; i < rows; i += kLanes)
        any |= lanesNotZero(loadPart(a + p * stride + i, least(rows - i, kLanes)));
      list.depths[n] = (uint8_t)p;
      n += any != 0;
    }
  } else {
    for (size_t p = 0; p < depth; p += kLanes) {
      uint32_t any = 0;
      for (size_t i = 0; i < rows; ++i)
        any |= lanesNotZero(loadPart(a + i * stride + p, least(depth - p, kLanes)));
      for (; any != 0; any &= any - 1) list.depths[n++] = (uint8_t)(p + (size_t)__builtin_ctz(any));
    }
  }
  list.count = n;
}

}  // namespace

void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, float* c, size_t ldc, bool accumulate,
          float* scratch, DepthList* lists) {
  for (size_t p0 = 0; p0 < k; p0 += kDepth) {
    const size_t depth = least(kDepth, k - p0);
    const bool byColumn = a.rowStride == 1;
    const float* const part = a.data + p0 * a.columnStride;
    const size_t stride = byColumn ? a.columnStride : a.rowStride;
    if (lists) {
      for (size_t i = 0; i < m; i += kListRows) {
        const size_t rows = least(m - i, kListRows);
        (byColumn ? listDepths<true> : listDepths<false>)(rows, depth, part + i * a.rowStride, stride,
                                                          lists[i / kListRows]);
      }
    }
    size_t vectors;
    for (size_t j = 0; j < n; j += vectors * kLanes) {
      vectors = panelWidth((n - j + kLanes - 1) / kLanes);
      const size_t width = least(n - j, vectors * kLanes);
      packPanel({b.data + p0 * b.rowStride + j * b.columnStride, b.rowStride, b.columnStride}, depth, width,
                vectors, scratch);
      const Target to{c + j, ldc, width - (vectors - 1) * kLanes, accumulate || p0 > 0};
      (byColumn ? panels<true> : panels<false>)(vectors, m, depth, part, stride, scratch, to, lists);
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
