// Matrix products. Compiled once per instruction set, see simd.h.
//
// C is computed in tiles that stay in registers, a block of A's columns (B's rows) at a time. B is packed
// into a panel as wide as a tile, padded with zeros, so that the inner loop reads it in order; A is read
// where it lies, one value at a time, since one of its strides is 1. Where A has many zeros its other values
// are listed, row by row: rows have them at places of their own, so that each is summed alone, in a wider
// panel.
#include "cpu/dense/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

constexpr size_t kWidest = kLanes == 4 ? 2 : 3;  // vectors per row of a tile
constexpr size_t kDepth = 128;                   // a tile's panel of it stays in the first-level cache
static_assert(kDepth * kWidest * kLanes <= kGemmScratch);

/** Rows of a tile of `width` vectors: accumulators, a row of B and one value of A fill the registers. */
constexpr size_t rowsFor(size_t width) {
  return kLanes == 16 ? (width == 3 ? 8 : 12) : 12 / width;
}

/** Vectors of the next panel where `left` vectors are left: as few narrow panels as can be. */
inline size_t panelWidth(size_t left) {
  return left <= kWidest ? left : kWidest == 3 && left == 4 ? 2 : kWidest;
}

/** Rows that are fetched before they are packed. */
constexpr size_t kAhead = 8;

/** One panel: packed[depth][vectors * kLanes]. */
void packPanel(Matrix b, size_t depth, size_t columns, size_t vectors, float* packed) {
  const size_t width = vectors * kLanes;
  if (b.columnStride == 1) {
    for (size_t p = 0; p < depth; ++p, packed += width) {
      const float* row = b.data + p * b.rowStride;
      // Rows lie too far apart for the processor to foresee them.
      for (size_t j = 0; j < width; j += 16) __builtin_prefetch(row + kAhead * b.rowStride + j);
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
#pragma GCC unroll 8
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

/** `kByColumn`: A's rows are neighbours, else its columns. */
template <size_t kRows, size_t kVectors, bool kByColumn>
void tile(size_t depth, const float* a, size_t stride, const float* b, const Target& to) {
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

template <size_t kVectors, bool kByColumn>
void panel(size_t m, size_t depth, const float* a, size_t stride, const float* b, Target to) {
  constexpr size_t kMost = rowsFor(kVectors);
  const size_t step = kByColumn ? 1 : stride;
  size_t i = 0;
  const auto next = [&](size_t rows) {
    i += rows;
    a += rows * step;
    to.c += rows * to.stride;
  };
  while (i + kMost <= m) {
    tile<kMost, kVectors, kByColumn>(depth, a, stride, b, to);
    next(kMost);
  }
  while (i + 4 <= m) {
    tile<4, kVectors, kByColumn>(depth, a, stride, b, to);
    next(4);
  }
  if (i + 2 <= m) {
    tile<2, kVectors, kByColumn>(depth, a, stride, b, to);
    next(2);
  }
  if (i < m) tile<1, kVectors, kByColumn>(depth, a, stride, b, to);
}

template <bool kByColumn>
void panels(size_t vectors, size_t m, size_t depth, const float* a, size_t stride, const float* b,
            const Target& to) {
  if (vectors == 1) panel<1, kByColumn>(m, depth, a, stride, b, to);
  if (vectors == 2) panel<2, kByColumn>(m, depth, a, stride, b, to);
  if (kWidest == 3 && vectors == 3) panel<kWidest, kByColumn>(m, depth, a, stride, b, to);
}

// ---- Without zeros ----------------------------------------------------------------------------------------

/** Vectors of a row that is summed alone: enough of them to keep the multiply-add units busy. */
constexpr size_t kListWidest = 8;
static_assert(kDepth * kListWidest * kLanes <= kGemmScratch && kDepth <= ValueList::kMost);

/** A part of A: element (i, p) at data[i * rowStride + p * columnStride]. */
struct Block {
  size_t rows, depth;
  Matrix a;

  bool byColumn() const { return a.rowStride == 1; }
  /** Along the side whose values are neighbours. */
  size_t lines() const { return byColumn() ? depth : rows; }
  size_t length() const { return byColumn() ? rows : depth; }
  /** Calls visit(first, lanes that are not 0) for the vectors of a line. */
  template <typename Visit>
  void eachVector(size_t line, const Visit& visit) const {
    const float* const from = a.data + line * (byColumn() ? a.columnStride : a.rowStride);
    for (size_t j = 0; j < length(); j += kLanes) visit(j, lanesNotZero(loadUpTo(from + j, length() - j)));
  }
};

/**
 * Whether the block has so few values that it pays to list them, by a sample of its lines. In half cycles, a
 * value in tiles takes one for each vector of C. A listed one takes five, and then for each panel one for
 * each vector and for itself, but eight at least, which is how long a multiply-add takes, and two for each
 * vector that comes from the second-level cache; and half as much again, since rows end at different times.
 */
bool paysToList(const Block& block, size_t vectors) {
  constexpr size_t kSample = 16;
  const size_t step = (block.lines() + kSample - 1) / kSample;
  size_t values = 0, all = 0;
  for (size_t line = 0; line < block.lines(); line += step, all += block.length()) {
    block.eachVector(line, [&](size_t, uint32_t some) { values += (size_t)__builtin_popcount(some); });
  }
  const size_t width = least(vectors, kListWidest);
  const bool isNear = kDepth * width * kLanes * sizeof(float) <= 32 * 1024;
  const size_t panel = !isNear ? 2 * width : width + 1 > 8 ? width + 1 : 8;
  return 3 * values * (panel * vectors + 5 * width) < 2 * all * vectors * width;
}

/** Lists, for each row, its values that are not 0. */
void listValues(const Block& block, ValueList* lists) {
  for (size_t i = 0; i < block.rows; ++i) lists[i].count = 0;
  const Matrix& a = block.a;
  for (size_t line = 0; line < block.lines(); ++line) {
    block.eachVector(line, [&](size_t first, uint32_t some) {
      for (; some != 0; some &= some - 1) {
        const size_t at = first + (size_t)__builtin_ctz(some);
        const size_t i = block.byColumn() ? at : line, p = block.byColumn() ? line : at;
        ValueList& list = lists[i];
        list.values[list.count] = a.data[i * a.rowStride + p * a.columnStride];
        list.depths[list.count++] = (uint8_t)p;
      }
    });
  }
}

/** The sums of a row of A over a panel of B. */
template <size_t kVectors>
void listedRow(const ValueList& list, const float* b, const Target& to) {
  Vector sum[1][kVectors] = {};
  for (size_t d = 0; d < list.count; ++d) {
    const float* const row = b + list.depths[d] * kVectors * kLanes;
    const Vector x = broadcast(list.values[d]);
#pragma GCC unroll 8
    for (size_t v = 0; v < kVectors; ++v) sum[0][v] += x * load(row + v * kLanes);
  }
  leave(sum, to);
}

template <size_t kVectors = kListWidest>
void listedPanel(size_t vectors, size_t m, const ValueList* lists, const float* b, Target to) {
  if (vectors == kVectors) {
    for (size_t i = 0; i < m; ++i, to.c += to.stride) listedRow<kVectors>(lists[i], b, to);
  } else if constexpr (kVectors > 1) {
    listedPanel<kVectors - 1>(vectors, m, lists, b, to);
  }
}

}  // namespace

void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, float* c, size_t ldc, float* scratch,
          ValueList* lists) {
  for (size_t p0 = 0; p0 < k; p0 += kDepth) {
    for (size_t i0 = 0; i0 < m; i0 += kListedRows) {
      const Block block{least(kListedRows, m - i0),
                        least(kDepth, k - p0),
                        {a.data + i0 * a.rowStride + p0 * a.columnStride, a.rowStride, a.columnStride}};
      const bool listed = paysToList(block, (n + kLanes - 1) / kLanes);
      if (listed) listValues(block, lists);
      size_t vectors;
      for (size_t j = 0; j < n; j += vectors * kLanes) {
        const size_t left = (n - j + kLanes - 1) / kLanes;
        vectors = listed ? evenPart(left, kListWidest) : panelWidth(left);
        const size_t width = least(n - j, vectors * kLanes);
        packPanel({b.data + p0 * b.rowStride + j * b.columnStride, b.rowStride, b.columnStride}, block.depth,
                  width, vectors, scratch);
        const Target to{c + i0 * ldc + j, ldc, width - (vectors - 1) * kLanes, p0 > 0};
        if (listed) {
          listedPanel(vectors, block.rows, lists, scratch, to);
        } else if (block.byColumn()) {
          panels<true>(vectors, block.rows, block.depth, block.a.data, a.columnStride, scratch, to);
        } else {
          panels<false>(vectors, block.rows, block.depth, block.a.data, a.rowStride, scratch, to);
        }
      }
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
