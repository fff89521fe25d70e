// The first convolution of a stem. Compiled once per instruction set, see simd.h.
#include "cpu/simd.h"
#include "cpu/stem/kernels_isa.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

void inkRows(const StemShape& s, const uint8_t* pixels, uint64_t* ink) {
  const uint64_t valid = s.width < 64 ? ((uint64_t)1 << s.width) - 1 : ~(uint64_t)0;
  for (size_t y = 0; y < s.height; ++y) {
    const uint8_t* const row = pixels + y * s.width;
    uint64_t bits = 0;
#if defined(__AVX512F__)
    const __m512i all = _mm512_loadu_si512(row);
    bits = _mm512_test_epi8_mask(all, all);
#elif defined(__SSE2__)
    for (size_t x = 0; x < s.width; x += 16) {
      const __m128i blank = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i*)(row + x)), _mm_setzero_si128());
      bits |= (uint64_t)(_mm_movemask_epi8(blank) ^ 0xffff) << x;
    }
#else
    for (size_t x = 0; x < s.width; ++x) bits |= (uint64_t)(row[x] != 0) << x;
#endif
    ink[y] = bits & valid;
  }
}

void firstRows(const StemShape& s, const uint8_t* pixels, float* rows) {
  for (size_t y = 0; y < s.height; ++y) {
    float* const to = rows + y * 4 * kRowStride;
    for (size_t x = 0; x < s.width1; x += kLanes) {
      const Integers left = loadPairs(pixels + y * s.width + 2 * x),
                     right = loadPairs(pixels + y * s.width + 2 * x + 2);
      const Vector d0 = toFloats(left & 255), d1 = toFloats(left >> 8);
      const Vector d2 = toFloats(right & 255), d3 = toFloats(right >> 8);
      store(to + x, d0 - d2);
      store(to + kRowStride + x, d1 + d2);
      store(to + 2 * kRowStride + x, d2 - d1);
      store(to + 3 * kRowStride + x, d1 - d3);
    }
  }
}

namespace {

/** One vector of channels at one inked position: the largest of the four results, and which one it was. */
template <bool kTraining>
inline Vector firstWindow(const float* rows, const Vector* w, Integers* winner) {
  Vector best[2];
  Integers second[2];
#pragma GCC unroll 2
  for (size_t r = 0; r < 2; ++r) {
    Vector m[4];
#pragma GCC unroll 4
    for (size_t t = 0; t < 4; ++t) {
      const float* d = rows + (4 * r + t) * kRowStride;
      m[t] = w[t] * d[0];
      m[t] += w[4 + t] * d[4 * kRowStride];
      m[t] += w[8 + t] * d[8 * kRowStride];
    }
    const Vector left = m[0] + m[1] + m[2], right = m[1] - m[2] - m[3];
    if (kTraining) second[r] = right > left;
    best[r] = larger(right, left);
  }
  if (kTraining) *winner = best[1] > best[0] ? 2 - second[1] : -second[0];
  return larger(best[1], best[0]);
}

template <bool kTraining>
void forwardPlanes(const StemShape& s, const float* rows, const Ink& ink, const float* weights,
                   const float* bias, const float* blank, const Ahead& ahead, float* values, uint8_t* winners,
                   float* sums) {
  Prefetch prefetch(ahead, (s.positions1() / 8 + 1) * s.planes1 * kGroup / kLanes);
  const size_t positions = s.positions1(), channels = s.planes1 * kGroup;
  for (size_t c = 0; c < channels; c += kLanes) {
    const size_t plane = c / kGroup, part = c % kGroup;
    Vector w[12];
    for (size_t t = 0; t < 12; ++t) w[t] = load(weights + (plane * 12 + t) * kGroup + part);
    const Vector b = load(bias + c), empty = load(blank + c);
    float* const to = values + plane * positions * kGroup + part;
    uint8_t* const winnersTo = kTraining ? winners + plane * positions * kGroup + part : nullptr;
    Vector sum = {}, squares = {};
    for (size_t i = 0; i < ink.count; ++i) {
      const size_t y = ink.positions[i] >> 8, x = ink.positions[i] & 255;
      const size_t at = (y * s.width1 + x) * kGroup;
      if (i % 8 == 0) prefetch.step();
      Integers winner;
      const Vector value =
          clip(firstWindow<kTraining>(rows + y * 8 * kRowStride + x, w, &winner) + b) - empty;
      store(to + at, value);
      if (kTraining) {
        storeBytes(winnersTo + at, winner);
        sum += value;
        squares += value * value;
      }
    }
    if (kTraining) {
      store(sums + c, sum);
      store(sums + channels + c, squares);
    }
  }
}

}  // namespace

void firstForward(const StemShape& s, const float* rows, const Ink& ink, const float* weights,
                  const float* bias, const float* blank, const Ahead& ahead, float* values, uint8_t* winners,
                  float* sums) {
  if (sums) {
    forwardPlanes<true>(s, rows, ink, weights, bias, blank, ahead, values, winners, sums);
  } else {
    forwardPlanes<false>(s, rows, ink, weights, bias, blank, ahead, values, winners, sums);
  }
}

void firstQuads(const StemShape& s, const uint8_t* pixels, const Ink& ink, float* quads) {
  if (ink.count == 0) return;
  float image[kMaxWidth * kMaxWidth + 2 * kGroup];
  const size_t top = 2 * (ink.positions[0] >> 8), bottom = 2 * (ink.positions[ink.count - 1] >> 8) + 3;
  for (size_t i = top * s.width; i < (bottom + 1) * s.width + 4; i += kLanes)
    store(image + i, toFloats(loadBytes(pixels + i)));
  for (size_t y = top; y < bottom; ++y) {
    const float *upper = image + y * s.width, *lower = upper + s.width;
    // Four quads at a time: a row may write up to three into the next one's, which follows.
    float* to = quads + y * (s.width - 1) * 4;
    for (size_t x = 0; x + 1 < s.width; x += 4, to += 16) {
      const Four u = load4(upper + x), u1 = load4(upper + x + 1), l = load4(lower + x),
                 l1 = load4(lower + x + 1);
      const Four low = shuffle<0, 4, 1, 5>(u, u1), high = shuffle<2, 6, 3, 7>(u, u1);
      const Four low1 = shuffle<0, 4, 1, 5>(l, l1), high1 = shuffle<2, 6, 3, 7>(l, l1);
      store4(to, shuffle<0, 1, 4, 5>(low, low1));
      store4(to + 4, shuffle<2, 3, 6, 7>(low, low1));
      store4(to + 8, shuffle<0, 1, 4, 5>(high, high1));
      store4(to + 12, shuffle<2, 3, 6, 7>(high, high1));
    }
  }
}

void firstWeights(const StemShape& s, const float* quads, const Ink& ink, const float* gradient,
                  const float* values, const uint8_t* winners, const float* blank, const float* coefficients,
                  float* weights, float* sums) {
  const size_t positions = s.positions1(), channels = s.planes1 * kGroup;
  const size_t pitch = (s.width - 1) * 4;
  for (size_t c = 0; c < channels; c += kLanes) {
    const size_t plane = c / kGroup, part = c % kGroup;
    const size_t from = plane * positions * kGroup + part;
    const Vector a = load(coefficients + c), b = load(coefficients + channels + c);
    const Vector shift = load(coefficients + 2 * channels + c);
    const Vector empty = load(blank + c);
    Vector sum[kTaps] = {}, biasSum = {}, inkSum = {};
    for (size_t i = 0; i < ink.count; ++i) {
      const size_t y = ink.positions[i] >> 8, x = ink.positions[i] & 255;
      const size_t at = from + (y * s.width1 + x) * kGroup;
      const Vector value = load(values + at) + empty, incoming = load(gradient + at);
      const Vector g = wherePositive(value, a * incoming + (b * value + shift));
      biasSum += g;
      inkSum += incoming;
      const Integers winner = loadBytes(winners + at);
      const float* const quad = quads + 2 * y * pitch + 8 * x;
      const float* const lines[3] = {quad, quad + pitch, quad + 2 * pitch};
#pragma GCC unroll 9
      for (size_t t = 0; t < kTaps; ++t) sum[t] += g * pickOfFour(lines[t / 3] + t % 3 * 4, winner);
    }
    float* const to = weights + plane * kTaps * kGroup + part;
    for (size_t t = 0; t < kTaps; ++t) store(to + t * kGroup, load(to + t * kGroup) + sum[t]);
    store(sums + c, biasSum);
    store(sums + channels + c, inkSum);
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
