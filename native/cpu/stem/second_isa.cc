// The second convolution of a stem. Compiled once per instruction set, see simd.h.
#include "cpu/simd.h"
#include "cpu/stem/kernels_isa.h"
#include "cpu/winograd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

/** Vectors per plane. */
constexpr size_t kParts = kGroup / kLanes;
/** Tiles whose products with one plane stay in registers. */
constexpr size_t kTileRows = kLanes == 16 ? 13 : kLanes == 8 ? 6 : 2;
static_assert(kTiles % kTileRows == 0);

template <size_t kHigh, size_t kWide>
void kernelOf(const StemShape& s, const float* kernel, float* transformed) {
  constexpr size_t kRows = kHigh + 2, kColumns = kWide + 2;
  const size_t channels = s.planes2 * kGroup, step = s.planes2 * s.filters1 * kGroup;
  for (size_t k = 0; k < s.filters1; ++k) {
    for (size_t c = 0; c < channels; c += kLanes) {
      Vector columns[3][kRows];
      for (size_t x = 0; x < 3; ++x) {
        Vector g[3];
        for (size_t y = 0; y < 3; ++y) g[y] = load(kernel + ((3 * y + x) * s.filters1 + k) * channels + c);
        transformKernel<kHigh>(g, columns[x]);
      }
      float* const to = transformed + (c / kGroup * s.filters1 + k) * kGroup + c % kGroup;
      for (size_t y = 0; y < kRows; ++y) {
        const Vector row[3] = {columns[0][y], columns[1][y], columns[2][y]};
        Vector t[kColumns];
        transformKernel<kWide>(row, t);
        for (size_t x = 0; x < kColumns; ++x) store(to + (y * kColumns + x) * step, t[x]);
      }
    }
  }
}

template <size_t kHigh, size_t kWide>
void tileOf(const StemShape& s, const float* values1, size_t y, size_t x, size_t slot, float* batch) {
  constexpr size_t kRows = kHigh + 2, kColumns = kWide + 2;
  const size_t channels = s.planes1 * kGroup, pitch = s.width1 * kGroup, step = kTiles * channels;
  for (size_t c = 0; c < channels; c += kLanes) {
    const float* from = values1 + ((c / kGroup * s.height1 + 2 * y) * s.width1 + 2 * x) * kGroup + c % kGroup;
    Vector rows[kRows][kColumns];
#pragma GCC unroll 6
    for (size_t i = 0; i < kRows; ++i) {
      Vector d[kColumns];
#pragma GCC unroll 6
      for (size_t j = 0; j < kColumns; ++j) d[j] = load(from + i * pitch + j * kGroup);
      transformInput<kWide>(d, rows[i]);
    }
    float* const to = batch + slot * channels + c;
#pragma GCC unroll 6
    for (size_t j = 0; j < kColumns; ++j) {
      Vector d[kRows], t[kRows];
#pragma GCC unroll 6
      for (size_t i = 0; i < kRows; ++i) d[i] = rows[i][j];
      transformInput<kHigh>(d, t);
#pragma GCC unroll 6
      for (size_t i = 0; i < kRows; ++i) store(to + (i * kColumns + j) * step, t[i]);
    }
  }
}

template <bool kTraining, size_t kHigh, size_t kWide>
void poolOf(const StemShape& s, const float* products, size_t count, const float* bias, const float* blank,
            const TileTarget* targets, float* sums) {
  constexpr size_t kRows = kHigh + 2, kColumns = kWide + 2;
  const size_t channels = s.planes2 * kGroup, step = kTiles * channels;
  for (size_t c = 0; c < channels; c += kLanes) {
    const Vector b = load(bias + c), empty = load(blank + c);
    Vector sum = {}, squares = {};
    for (size_t i = 0; i < count; ++i) {
      const float* const from = products + i * channels + c;
      Vector columns[kColumns][kHigh];
#pragma GCC unroll 6
      for (size_t x = 0; x < kColumns; ++x) {
        Vector m[kRows];
#pragma GCC unroll 6
        for (size_t y = 0; y < kRows; ++y) m[y] = load(from + (y * kColumns + x) * step);
        transformOutput<kHigh>(m, columns[x]);
      }
#pragma GCC unroll 2
      for (size_t y = 0; y < kHigh; y += 2) {
        Vector upper[kWide], lower[kWide], m[kColumns];
#pragma GCC unroll 6
        for (size_t x = 0; x < kColumns; ++x) m[x] = columns[x][y];
        transformOutput<kWide>(m, upper);
#pragma GCC unroll 6
        for (size_t x = 0; x < kColumns; ++x) m[x] = columns[x][y + 1];
        transformOutput<kWide>(m, lower);
#pragma GCC unroll 2
        for (size_t x = 0; x < kWide; x += 2) {
          const Vector best = larger(upper[x + 1], upper[x]), best2 = larger(lower[x + 1], lower[x]);
          const Vector value = clip(larger(best2, best) + b);
          const size_t at = (y / 2 * s.width2 + x / 2) * channels + c;
          store(targets[i].values + at, value);
          if (kTraining) {
            const Integers second = upper[x + 1] > upper[x], second2 = lower[x + 1] > lower[x];
            storeBytes(targets[i].winners + at, best2 > best ? 2 - second2 : -second);
            const Vector d = value - empty;
            sum += d;
            squares += d * d;
          }
        }
      }
    }
    if (kTraining) {
      store(sums + c, sum);
      store(sums + channels + c, squares);
    }
  }
}

}  // namespace

// ---- Forward ----------------------------------------------------------------------------------------------

void secondKernel(const StemShape& s, TileKind kind, const float* kernel, float* transformed) {
  constexpr decltype(&kernelOf<2, 2>) kinds[] = {kernelOf<2, 2>, kernelOf<2, 4>, kernelOf<4, 2>,
                                                 kernelOf<4, 4>};
  kinds[2 * kind.tall + kind.wide](s, kernel, transformed);
}

void secondTile(const StemShape& s, TileKind kind, const float* values1, size_t y, size_t x, size_t slot,
                float* batch) {
  constexpr decltype(&tileOf<2, 2>) kinds[] = {tileOf<2, 2>, tileOf<2, 4>, tileOf<4, 2>, tileOf<4, 4>};
  kinds[2 * kind.tall + kind.wide](s, values1, y, x, slot, batch);
}

void secondMultiply(const StemShape& s, TileKind kind, const float* batch, const float* transformed,
                    float* products) {
  const size_t channels1 = s.planes1 * kGroup, channels2 = s.planes2 * kGroup;
  const size_t count = kind.tall ? kind.wide ? 36 : 24 : kind.wide ? 24 : 16;
  for (size_t t = 0; t < count; ++t) {
    for (size_t plane = 0; plane < s.planes2; ++plane) {
      const float* const u = transformed + (t * s.planes2 + plane) * s.filters1 * kGroup;
      for (size_t i0 = 0; i0 < kTiles; i0 += kTileRows) {
        const float* const v = batch + (t * kTiles + i0) * channels1;
        Vector sum[kTileRows][kParts] = {};
        for (size_t k = 0; k < s.filters1; ++k) {
          Vector b[kParts];
#pragma GCC unroll 4
          for (size_t p = 0; p < kParts; ++p) b[p] = load(u + k * kGroup + p * kLanes);
#pragma GCC unroll 13
          for (size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
            for (size_t p = 0; p < kParts; ++p) sum[i][p] += b[p] * v[i * channels1 + k];
          }
        }
        float* const to = products + (t * kTiles + i0) * channels2 + plane * kGroup;
#pragma GCC unroll 13
        for (size_t i = 0; i < kTileRows; ++i) {
#pragma GCC unroll 4
          for (size_t p = 0; p < kParts; ++p) store(to + i * channels2 + p * kLanes, sum[i][p]);
        }
      }
    }
  }
}

void secondPool(const StemShape& s, TileKind kind, const float* products, size_t count, const float* bias,
                const float* blank, const TileTarget* targets, float* sums) {
  constexpr decltype(&poolOf<true, 2, 2>) kinds[] = {
      poolOf<false, 2, 2>, poolOf<false, 2, 4>, poolOf<false, 4, 2>, poolOf<false, 4, 4>,
      poolOf<true, 2, 2>,  poolOf<true, 2, 4>,  poolOf<true, 4, 2>,  poolOf<true, 4, 4>,
  };
  kinds[(sums ? TileKind::kCount : 0) + 2 * kind.tall + kind.wide](s, products, count, bias, blank, targets,
                                                                   sums);
}

void secondNormalise(const StemShape& s, const float* values, const float* scale, const float* shift,
                     float* out) {
  const size_t channels = s.planes2 * kGroup;
  // The padding of a position is overwritten by the next one.
  for (size_t i = 0; i < s.positions2(); ++i) {
    for (size_t c = 0; c < s.filters2; c += kLanes) {
      store(out + i * s.filters2 + c, load(values + i * channels + c) * load(scale + c) + load(shift + c));
    }
  }
}

// ---- Backward: only the winner of each window has a gradient ----------------------------------------------

void secondNormSums(const StemShape& s, const float* gradient, const float* values, const float* mean,
                    float* sums) {
  const size_t channels = s.planes2 * kGroup, positions = s.positions2();
  for (size_t c = 0; c < channels; c += kLanes) {
    const Vector centre = load(mean + c);
    Vector sum = {}, product = {};
    for (size_t i = 0; i < positions; ++i) {
      const Vector g = load(gradient + i * s.filters2 + c);
      sum += g;
      product += g * (load(values + i * channels + c) - centre);
    }
    store(sums + c, sum);
    store(sums + channels + c, product);
  }
}

void secondGradient(const StemShape& s, const float* gradient, const float* coefficients,
                    const uint8_t* winners, const int32_t* reach, float* values, float* sums) {
  const size_t channels = s.planes2 * kGroup, positions = s.positions2();
  for (size_t c = 0; c < channels; c += kLanes) {
    const Vector a = load(coefficients + c), b = load(coefficients + channels + c);
    const Vector shift = load(coefficients + 2 * channels + c);
    Vector sum = {};
    for (size_t i = 0; i < positions; ++i) {
      const size_t at = i * channels + c;
      const Vector value = load(values + at);
      const Vector g = wherePositive(value, a * load(gradient + i * s.filters2 + c) + (b * value + shift));
      // The masks travel as the bits of floats.
      const Vector kept = pickOfFour((const float*)(reach + 4 * i), loadBytes(winners + at));
      store(values + at, (Vector)((Integers)g & (Integers)kept));
      sum += g;
    }
    store(sums + c, sum);
  }
}

namespace {

/** A bit for each of the next `left` lanes. */
inline uint32_t valid(size_t left) {
  return left < kLanes ? (1u << left) - 1 : ~0u;
}

}  // namespace

void listByFilter(const StemShape& s, const float* gradient, const uint8_t* winners, float* scratch,
                  const Products& list, uint32_t* begins) {
  const size_t channels = s.planes2 * kGroup, positions = s.positions2();
  const size_t padded = (positions + kGroup - 1) / kGroup * kGroup;
  // Integers travel as the bits of floats, which are moved but never computed with.
  float* const offsets = scratch;
  float* const gradientsByFilter = offsets + padded * channels;
  float* const offsetsByFilter = gradientsByFilter + padded * channels;
  const int32_t right = kGroup, below = (int32_t)(s.width1 * kGroup);
  const int32_t places[4] = {0, right, below, below + right};
  for (size_t at = 0; at < positions; ++at) {
    const int32_t begin = (int32_t)((at / s.width2 * 2 * s.width1 + at % s.width2 * 2) * kGroup);
    for (size_t c = 0; c < channels; c += kLanes) {
      const Integers place =
          (Integers)pickOfFour((const float*)places, loadBytes(winners + at * channels + c));
      store(offsets + at * channels + c, (Vector)(place + begin));
    }
  }
  for (size_t at = 0; at < positions; at += 4) {
    for (size_t f = 0; f < s.filters2; f += 4) {
      transpose4(gradient + at * channels + f, channels, gradientsByFilter + f * padded + at, padded);
      transpose4(offsets + at * channels + f, channels, offsetsByFilter + f * padded + at, padded);
    }
  }
  uint32_t n = 0;
  for (size_t f = 0; f < s.filters2; ++f) {
    begins[f] = n;
    const float* const g = gradientsByFilter + f * padded;
    const float* const o = offsetsByFilter + f * padded;
    // The list has room for a vector past its end.
    for (size_t at = 0; at < positions; at += kLanes) {
      const Vector values = load(g + at);
      const uint32_t chosen = lanesNotZero(values) & valid(positions - at);
      storeChosen(list.factors + n, values, chosen);
      storeChosen((float*)list.offsets + n, load(o + at), chosen);
      n += countLanes(chosen);
    }
  }
  begins[s.filters2] = n;
}

void secondWeights(const StemShape& s, const float* values1, const Products& list, const uint32_t* begins,
                   const Ahead& ahead, float* sums) {
  Prefetch prefetch(ahead, s.planes1 * kParts * s.filters2);
  const size_t channels = s.planes1 * kGroup, pitch = s.width1 * kGroup;
  for (size_t c = 0; c < channels; c += kLanes) {
    const float* const from = values1 + c / kGroup * s.positions1() * kGroup + c % kGroup;
    float* to = sums + c / kGroup * s.filters2 * kTaps * kGroup + c % kGroup;
    for (size_t f = 0; f < s.filters2; ++f, to += kTaps * kGroup) {
      prefetch.step();
      Vector sum[kTaps];
#pragma GCC unroll 9
      for (size_t t = 0; t < kTaps; ++t) sum[t] = load(to + t * kGroup);
      for (size_t i = begins[f]; i < begins[f + 1]; ++i) {
        const float g = list.factors[i];
        const float* patch = from + list.offsets[i];
#pragma GCC unroll 9
        for (size_t t = 0; t < kTaps; ++t) sum[t] += g * load(patch + t / 3 * pitch + t % 3 * kGroup);
      }
#pragma GCC unroll 9
      for (size_t t = 0; t < kTaps; ++t) store(to + t * kGroup, sum[t]);
    }
  }
}

void listByPosition(const StemShape& s, const float* gradient, const uint8_t* winners, const Products& list,
                    uint32_t* begins) {
  const size_t channels = s.planes2 * kGroup;
  Integers lanes;
  for (size_t i = 0; i < kLanes; ++i) lanes[i] = (int32_t)(i * kTaps * kGroup);
  uint32_t n = 0;
  for (size_t at = 0; at < s.positions2(); ++at) {
    const float* g = gradient + at * channels;
    const uint8_t* w = winners + at * channels;
    for (uint8_t place = 0; place < 4; ++place) {
      begins[4 * at + place] = n;
      for (size_t c = 0; c < channels; c += kLanes) {
        const Vector values = load(g + c);
        const uint32_t chosen = lanesNotZero(values) & lanesEqual(w + c, place);
        // Integers travel as the bits of floats here, too.
        storeChosen(list.factors + n, values, chosen);
        storeChosen((float*)list.offsets + n, (Vector)(lanes + (int32_t)(c * kTaps * kGroup)), chosen);
        n += countLanes(chosen);
      }
    }
  }
  begins[4 * s.positions2()] = n;
}

namespace {

/**
 * Rows of a pooling window whose products are added up together: the more, the fewer sums go through memory.
 */
constexpr size_t kPlaceRows = kLanes == 16 ? 2 : 1;

/** Adds a place's products: 3 x 3 sums, those of `column` and its two neighbours. */
inline void addProducts(const Products& list, uint32_t begin, uint32_t end, const float* weights,
                        Vector (*sum)[4], size_t column) {
  for (uint32_t i = begin; i < end; ++i) {
    const float g = list.factors[i];
    const float* w = weights + list.offsets[i];
#pragma GCC unroll 9
    for (size_t t = 0; t < kTaps; ++t) sum[t / 3][column + t % 3] += g * load(w + t * kGroup);
  }
}

}  // namespace

void secondInput(const StemShape& s, const float* weights, const Products& list, const uint32_t* begins,
                 const Ahead& ahead, float* gradient1) {
  constexpr size_t kRows = kPlaceRows + 2;
  const size_t steps = 2 * s.height2 / kPlaceRows;
  Prefetch prefetch(ahead, s.planes1 * kParts * steps);
  const size_t channels = s.planes1 * kGroup, pitch = s.width1 * kGroup;
  for (size_t c = 0; c < channels; c += kLanes) {
    const float* const from = weights + c / kGroup * s.filters2 * kTaps * kGroup + c % kGroup;
    float* const plane = gradient1 + c / kGroup * s.positions1() * kGroup + c % kGroup;
    for (size_t step = 0; step < steps; ++step) {
      prefetch.step();
      const size_t row = step * kPlaceRows;
      // A pooling window's two columns of places reach over four columns of the gradient, of which the last
      // two are also the next window's first two.
      Vector sum[kRows][4] = {};
      float* to = plane + row * pitch;
      const auto flush = [&](size_t column) {
#pragma GCC unroll 4
        for (size_t y = 0; y < kRows; ++y) {
          float* const at = to + y * pitch;
          // The lowest rows are new, the others already hold what the places above have added.
          const bool fresh = y >= 2 || row == 0;
          store(at, fresh ? sum[y][column] : load(at) + sum[y][column]);
          store(at + kGroup, fresh ? sum[y][column + 1] : load(at + kGroup) + sum[y][column + 1]);
        }
        to += 2 * kGroup;
      };
      for (size_t x = 0; x < s.width2; ++x) {
        const uint32_t* begin = begins + 4 * (row / 2 * s.width2 + x) + row % 2 * 2;
#pragma GCC unroll 4
        for (size_t place = 0; place < 2 * kPlaceRows; ++place)
          addProducts(list, begin[place], begin[place + 1], from, sum + place / 2, place % 2);
        flush(0);
#pragma GCC unroll 4
        for (size_t y = 0; y < kRows; ++y) {
          sum[y][0] = sum[y][2];
          sum[y][1] = sum[y][3];
          sum[y][2] = sum[y][3] = Vector{};
        }
      }
      flush(0);
    }
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
