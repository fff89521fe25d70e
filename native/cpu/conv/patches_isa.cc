// Gradients of a pooled convolution: only the winners of pooling windows have one. Compiled once per
// instruction set, see simd.h.
#include "cpu/conv/kernels_isa.h"
#include "cpu/pool/inside.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** Vectors of a patch whose sums stay in registers. */
constexpr size_t kSums = kLanes == 16 ? 24 : 12;
constexpr size_t kMostRows = 7;

/** Rows of a patch, or a part of each. */
template <size_t kRows, size_t kVectors, typename Last>
struct Block {
  Row<kVectors, Last> rows[kRows];

  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 7
    for (size_t r = 0; r < kRows; ++r) rows[r].clear();
  }
  [[gnu::always_inline]] void read(const float* from, size_t step) {
#pragma GCC unroll 7
    for (size_t r = 0; r < kRows; ++r) rows[r].read(from + r * step);
  }
  [[gnu::always_inline]] void write(float* to, size_t step) const {
#pragma GCC unroll 7
    for (size_t r = 0; r < kRows; ++r) rows[r].write(to + r * step);
  }
  [[gnu::always_inline]] void add(const Block& block) {
#pragma GCC unroll 7
    for (size_t r = 0; r < kRows; ++r) rows[r].add(block.rows[r]);
  }
  [[gnu::always_inline]] void addProduct(float factor, const float* from, size_t step) {
#pragma GCC unroll 7
    for (size_t r = 0; r < kRows; ++r, from += step) {
      Row<kVectors, Last> row;
      row.read(from);
      rows[r].addProduct(factor, row);
    }
  }
};

template <size_t kRows, size_t kVectors, typename Last>
void addPatchesOf(const float* image, size_t pitch, size_t filters, const WinnerList& list, size_t listStep,
                  const uint32_t* counts, float* sums, size_t rowStep, size_t filterStep) {
  // Where there are few sums, two of each, so that no multiply-add waits for the one before.
  constexpr size_t kCopies = kRows * kVectors <= kSums / 3 ? 2 : 1;
  for (size_t f = 0; f < filters; ++f, sums += filterStep) {
    if (counts[f] == 0) continue;
    Block<kRows, kVectors, Last> sum[kCopies];
#pragma GCC unroll 2
    for (size_t c = 0; c < kCopies; ++c) sum[c].clear();
    size_t i = f * listStep;
    const size_t end = i + counts[f];
    if constexpr (kCopies == 2) {
      for (; i + 1 < end; i += 2) {
        sum[0].addProduct(list.factors[i], image + list.offsets[i], pitch);
        sum[1].addProduct(list.factors[i + 1], image + list.offsets[i + 1], pitch);
      }
    }
    for (; i < end; ++i) sum[0].addProduct(list.factors[i], image + list.offsets[i], pitch);
    if constexpr (kCopies == 2) sum[0].add(sum[1]);
    Block<kRows, kVectors, Last> all;
    all.read(sums, rowStep);
    all.add(sum[0]);
    all.write(sums, rowStep);
  }
}

template <size_t kRows, size_t kVectors, typename Last>
void spreadOf(const float* kernel, size_t rowStep, size_t pitch, const WinnerList& list, const Patch* patches,
              size_t count, float* image) {
  for (size_t p = 0; p < count; ++p) {
    float* const patch = image + patches[p].offset;
    Block<kRows, kVectors, Last> sum;
    sum.read(patch, pitch);
    for (uint32_t i = patches[p].begin; i < patches[p + 1].begin; ++i)
      sum.addProduct(list.factors[i], kernel + list.offsets[i], rowStep);
    sum.write(patch, pitch);
  }
}

/** Vectors of a block up to which it is worth code of its own that the last may be half a one. */
constexpr size_t kMostWithHalf = 2;

/** Calls call.operator()<rows, vectors, type of the last>() for a block whose rows go on for `run`. */
template <size_t kRows, size_t kVectors = kSums / kRows, typename Call>
inline void withVectors(size_t vectors, size_t run, const Call& call) {
  if (vectors != kVectors) {
    if constexpr (kVectors > 1) withVectors<kRows, kVectors - 1>(vectors, run, call);
    return;
  }
  if constexpr (kVectors <= kMostWithHalf) {
    if (run <= (kVectors - 1) * kLanes + kLanesOf<Half>)
      return call.template operator()<kRows, kVectors, Half>();
  }
  call.template operator()<kRows, kVectors, Vector>();
}

template <size_t kRows = kMostRows, typename Call>
inline void withBlock(size_t rows, size_t vectors, size_t run, const Call& call) {
  if (rows == kRows) return withVectors<kRows>(vectors, run, call);
  if constexpr (kRows > 1) withBlock<kRows - 1>(rows, vectors, run, call);
}

/**
 * Cuts a patch into blocks, as large and as equal as can be: call.operator()<rows, vectors, type of the
 * last>(first row, first column).
 */
template <typename Call>
inline void eachBlock(size_t rows, size_t run, const Call& call) {
  const size_t vectors = vectorsOf(run);
  for (size_t row = 0, rowParts = (rows + kMostRows - 1) / kMostRows; rowParts > 0; --rowParts) {
    const size_t high = (rows - row + rowParts - 1) / rowParts, most = kSums / high;
    for (size_t v = 0, parts = (vectors + most - 1) / most; parts > 0; --parts) {
      const size_t wide = (vectors - v + parts - 1) / parts, column = v * kLanes;
      withBlock(high, wide, run - column, [&]<size_t kRows, size_t kVectors, typename Last>() {
        call.template operator()<kRows, kVectors, Last>(row, column);
      });
      v += wide;
    }
    row += high;
  }
}

}  // namespace

void listByFilter(const float* gradient, const int32_t* winners, size_t positions, size_t filters,
                  const WinnerList& list, size_t listStep, uint32_t* counts) {
  for (size_t f = 0; f < filters; f += kLanes) {
    const size_t some = least(filters - f, kLanes);
    for (size_t j = 0; j < some; ++j) counts[f + j] = 0;
    for (size_t i = 0; i < positions; i += kLanes) {
      // A vector of positions of each filter.
      Vector factors[kLanes], offsets[kLanes];
#pragma GCC unroll 16
      for (size_t k = 0; k < kLanes; ++k) {
        const size_t at = (i + k) * filters + f;
        factors[k] = i + k < positions ? loadUpTo(gradient + at, some) : Vector{};
        offsets[k] = i + k < positions ? loadUpTo((const float*)winners + at, some) : Vector{};
      }
      transpose(factors);
      transpose(offsets);
#pragma GCC unroll 16
      for (size_t j = 0; j < kLanes; ++j) {
        if (j >= some) break;
        const uint32_t chosen = lanesNotZero(factors[j]) & ~lanesEqual((Integers)offsets[j], -1);
        const size_t to = (f + j) * listStep + counts[f + j];
        storeChosen(list.factors + to, factors[j], chosen);
        storeChosen((float*)list.offsets + to, offsets[j], chosen);
        counts[f + j] += countLanes(chosen);
      }
    }
  }
}

void addPatches(const float* image, size_t pitch, size_t rows, size_t run, size_t filters,
                const WinnerList& list, size_t listStep, const uint32_t* counts, float* sums) {
  const size_t rowStep = wholeVectors(run), filterStep = rows * rowStep;
  eachBlock(rows, run, [&]<size_t kRows, size_t kVectors, typename Last>(size_t row, size_t column) {
    addPatchesOf<kRows, kVectors, Last>(image + row * pitch + column, pitch, filters, list, listStep, counts,
                                        sums + row * rowStep + column, rowStep, filterStep);
  });
}

size_t listByPatch(const PoolSpec& pool, const float* gradient, const int32_t* winners, size_t lineStep,
                   size_t step, size_t kernelStep, const WinnerList& list, Patch* patches) {
  const size_t filters = (size_t)pool.in.channels;
  const Window& w = pool.window;
  Integers lanes;
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = (int32_t)(i * kernelStep);
  uint32_t n = 0;
  size_t count = 0;
  for (int oy = 0; oy < pool.out.height; ++oy) {
    const int top = oy * w.strideY - w.padTop;
    const Inside rows = insideOf(top, w.height, pool.in.height);
    for (int ox = 0; ox < pool.out.width; ++ox) {
      const int left = ox * w.strideX - w.padLeft;
      const Inside columns = insideOf(left, w.width, pool.in.width);
      const size_t at = (size_t)(oy * pool.out.width + ox) * filters;
      for (size_t ky = rows.begin; ky < rows.end; ++ky) {
        for (size_t kx = columns.begin; kx < columns.end; ++kx) {
          const int32_t offset =
              (int32_t)((size_t)(top + (int)ky) * lineStep + (size_t)(left + (int)kx) * step);
          patches[count] = {offset, n};
          for (size_t f = 0; f < filters; f += kLanes) {
            const size_t part = least(filters - f, kLanes);
            const Vector g = loadPart(gradient + at + f, part);
            const Integers winner = (Integers)loadPart((const float*)winners + at + f, part);
            const uint32_t chosen = lanesNotZero(g) & lanesEqual(winner, offset);
            storeChosen(list.factors + n, g, chosen);
            storeChosen((float*)list.offsets + n, (Vector)(lanes + (int32_t)(f * kernelStep)), chosen);
            n += countLanes(chosen);
          }
          count += n > patches[count].begin;
        }
      }
    }
  }
  patches[count] = {0, n};
  return count;
}

void spread(const float* kernel, size_t pitch, size_t rows, size_t run, const WinnerList& list,
            const Patch* patches, size_t count, float* image) {
  const size_t rowStep = wholeVectors(run);
  eachBlock(rows, run, [&]<size_t kRows, size_t kVectors, typename Last>(size_t row, size_t column) {
    spreadOf<kRows, kVectors, Last>(kernel + row * rowStep + column, rowStep, pitch, list, patches, count,
                                    image + row * pitch + column);
  });
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
