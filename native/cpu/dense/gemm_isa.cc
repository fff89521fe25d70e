// Matrix products. Compiled once per instruction set, see simd.h.
//
// C is computed in tiles that stay in registers, a block of A's columns (B's rows) at a time. B is packed
// into a panel as wide as a tile, padded with zeros, so that the inner loop reads it in order; A is read
// where it lies, one value at a time, since one of its strides is 1. Where A has many zeros its other values
// are listed, row by row: rows have them at places of their own, so that tiles are rows, as wide as fill the
// first-level cache.
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

/** Without the first rows and columns. */
inline Matrix partFrom(const Matrix& m, size_t row, size_t column) {
  return {m.data + row * m.rowStride + column * m.columnStride, m.rowStride, m.columnStride};
}

/** A part of A: element (i, p) at data[i * rowStride + p * columnStride]. */
struct Block {
  size_t rows, depth;
  Matrix a;

  bool byColumn() const { return a.rowStride == 1; }
  /** Along the side whose values are neighbours. */
  size_t lines() const { return byColumn() ? depth : rows; }
  size_t length() const { return byColumn() ? rows : depth; }
  /** How many of a line's are not 0. */
  size_t values(size_t line) const {
    const float* const from = a.data + line * (byColumn() ? a.columnStride : a.rowStride);
    size_t count = 0;
    for (size_t j = 0; j < length(); j += kLanes)
      count += countLanes(lanesNotZero(loadUpTo(from + j, length() - j)));
    return count;
  }
};

/** to[j][i] = from[i][j], and zeros for i from `rows` on up to a whole vector. */
void turn(const float* from, size_t stride, size_t rows, size_t columns, float* to, size_t toStride) {
  for (size_t i = 0; i < rows; i += kLanes) {
    for (size_t j = 0; j < columns; j += kLanes) {
      Vector part[kLanes];
#pragma GCC unroll 16
      for (size_t k = 0; k < kLanes; ++k)
        part[k] = i + k < rows ? loadUpTo(from + (i + k) * stride + j, columns - j) : Vector{};
      transpose(part);
#pragma GCC unroll 16
      for (size_t k = 0; k < kLanes; ++k) {
        if (j + k < columns) store(to + (j + k) * toStride + i, part[k]);
      }
    }
  }
}

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
  turn(b.data, b.columnStride, columns, depth, packed, width);
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

/**
 * `kByColumn`: A's rows are neighbours, else its columns. Not inlined: beside others it would not get all
 * registers.
 */
template <size_t kRows, size_t kVectors, bool kByColumn>
[[gnu::noinline]] void tile(size_t depth, const float* a, size_t stride, const float* b, const Target& to) {
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

/** Packs B's columns from `j` on, as many of `n` as fill `vectors`, and says where their sums belong. */
Target packColumns(Matrix b, size_t depth, size_t j, size_t n, size_t vectors, const Target& to,
                   float* packed) {
  const size_t width = least(n - j, vectors * kLanes);
  packPanel(partFrom(b, 0, j), depth, width, vectors, packed);
  return {to.c + j, to.stride, width - (vectors - 1) * kLanes, to.add};
}

/** The block's product with `b`, whose rows have `n` columns. */
void multiplyTiles(const Block& block, Matrix b, size_t n, const Target& to, float* packed) {
  const Matrix& a = block.a;
  size_t vectors;
  for (size_t j = 0; j < n; j += vectors * kLanes) {
    vectors = panelWidth(vectorsOf(n - j));
    const Target columns = packColumns(b, block.depth, j, n, vectors, to, packed);
    if (block.byColumn()) {
      panels<true>(vectors, block.rows, block.depth, a.data, a.columnStride, packed, columns);
    } else {
      panels<false>(vectors, block.rows, block.depth, a.data, a.rowStride, packed, columns);
    }
  }
}

// ---- Without zeros ----------------------------------------------------------------------------------------

/**
 * Vectors of a panel of B: each value has vectors of its own to be multiplied with, so all of the panel must
 * stay in the first-level cache.
 */
constexpr size_t kListWidest = kLanes == 16 ? 4 : 8;
static_assert(kDepth * kListWidest * kLanes <= kGemmScratch && kDepth <= ValueList::kMost);
static_assert(kLanes <= ValueList::kRoom);

/** Rows that are summed at a time: enough sums to keep the multiply-add units busy. */
constexpr size_t listedRows(size_t vectors) {
  return vectors <= 4 ? 2 : 1;
}

/**
 * Whether the block has so few values that it pays to list them, by a sample of its lines. In half cycles, a
 * value in tiles takes one for each vector of C. To be looked at takes one; a listed value then takes, for
 * each panel, one for each vector and for itself, but four at least, since a multiply-add takes eight; and
 * the end of a row, which is not foreseen, 40. Vectors of 4 have no multiply-add, so that a value in tiles
 * takes a quarter more, and it takes three times as long to look at one.
 */
bool paysToList(const Block& block, size_t vectors) {
  constexpr size_t kSample = 16, kLeast = 4, kEnd = 40;
  constexpr size_t kLook = kLanes == 4 ? 3 : 1, kTileQuarters = kLanes == 4 ? 5 : 4;
  const size_t step = (block.lines() + kSample - 1) / kSample;
  size_t values = 0, all = 0;
  for (size_t line = 0; line < block.lines(); line += step, all += block.length())
    values += block.values(line);
  const size_t panels = (vectors + kListWidest - 1) / kListWidest;
  const size_t listed = least(vectors, kListWidest) + 1;
  const size_t products = values * (listed > kLeast ? listed : kLeast) + all / block.depth * kEnd;
  return 4 * (all * kLook + products * panels) < kTileQuarters * all * vectors;
}

/** Rows that are turned at a time where A's columns are its lines. */
constexpr size_t kTurnedRows = 16;

void listRow(const float* row, size_t depth, ValueList& list) {
  size_t count = 0;
  for (size_t p = 0; p < depth; p += kLanes) {
    const Vector x = loadUpTo(row + p, depth - p);
    const uint32_t some = lanesNotZero(x);
    storeChosen(list.values + count, x, some);
    storeChosenPlaces(list.depths + count, p, some);
    count += countLanes(some);
  }
  list.count = count;
}

/** Lists, for each row, its values that are not 0. */
void listValues(const Block& block, ValueList* lists) {
  alignas(64) float turned[kTurnedRows * kDepth];
  for (size_t first = 0; first < block.rows; first += kTurnedRows) {
    const size_t rows = least(kTurnedRows, block.rows - first);
    if (block.byColumn()) turn(block.a.data + first, block.a.columnStride, block.depth, rows, turned, kDepth);
    for (size_t i = 0; i < rows; ++i) {
      if (block.byColumn()) {
        listRow(turned + i * kDepth, block.depth, lists[first + i]);
      } else {
        const float* const row = block.a.data + (first + i) * block.a.rowStride;
        // Those of the next block: rows lie too far apart for the processor to foresee them.
        for (size_t p = 0; p < kDepth; p += 16) __builtin_prefetch(row + kDepth + p, 0, 2);
        listRow(row, block.depth, lists[first + i]);
      }
    }
  }
}

template <size_t kVectors>
inline void addListed(const ValueList& list, size_t at, const float* b, Vector (&sum)[kVectors]) {
  const float* const row = b + list.depths[at] * kVectors * kLanes;
  const Vector x = broadcast(list.values[at]);
#pragma GCC unroll 8
  for (size_t v = 0; v < kVectors; ++v) sum[v] += x * load(row + v * kLanes);
}

/** The sums of rows of A over a panel of B. */
template <size_t kRows, size_t kVectors>
void sumListed(const ValueList* lists, const float* b, const Target& to) {
  Vector sum[kRows][kVectors] = {};
  size_t common = lists[0].count;
#pragma GCC unroll 2
  for (size_t i = 1; i < kRows; ++i) common = least(common, lists[i].count);
  for (size_t at = 0; at < common; ++at) {
#pragma GCC unroll 2
    for (size_t i = 0; i < kRows; ++i) addListed(lists[i], at, b, sum[i]);
  }
  if constexpr (kRows > 1) {
#pragma GCC unroll 2
    for (size_t i = 0; i < kRows; ++i) {
      for (size_t at = common; at < lists[i].count; ++at) addListed(lists[i], at, b, sum[i]);
    }
  }
  leave(sum, to);
}

template <size_t kVectors = kListWidest>
void listedPanel(size_t vectors, size_t m, const ValueList* lists, const float* b, Target to) {
  if (vectors == kVectors) {
    constexpr size_t kRows = listedRows(kVectors);
    size_t i = 0;
    for (; i + kRows <= m; i += kRows, to.c += kRows * to.stride)
      sumListed<kRows, kVectors>(lists + i, b, to);
    if (i < m) sumListed<1, kVectors>(lists + i, b, to);
  } else if constexpr (kVectors > 1) {
    listedPanel<kVectors - 1>(vectors, m, lists, b, to);
  }
}

/** As `multiplyTiles`. */
void multiplyListed(const Block& block, Matrix b, size_t n, const Target& to, float* packed,
                    ValueList* lists) {
  listValues(block, lists);
  size_t vectors;
  for (size_t j = 0; j < n; j += vectors * kLanes) {
    vectors = evenPart(vectorsOf(n - j), kListWidest);
    const Target columns = packColumns(b, block.depth, j, n, vectors, to, packed);
    listedPanel(vectors, block.rows, lists, packed, columns);
  }
}

}  // namespace

void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, float* c, size_t ldc, float* scratch,
          ValueList* lists) {
  for (size_t p = 0; p < k; p += kDepth) {
    const Matrix below = partFrom(b, p, 0);
    for (size_t i = 0; i < m; i += kListedRows) {
      const Block block{least(kListedRows, m - i), least(kDepth, k - p), partFrom(a, i, p)};
      const Target to{c + i * ldc, ldc, kLanes, p > 0};
      if (paysToList(block, vectorsOf(n))) {
        multiplyListed(block, below, n, to, scratch, lists);
      } else {
        multiplyTiles(block, below, n, to, scratch);
      }
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
