// The first convolution of a stem. Compiled once per instruction set, see simd.h.
#include "cpu/simd.h"
#include "cpu/stem_isa.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

void firstRows(const StemShape& s, const uint8_t* pixels, float* rows) {
  const size_t windows = s.width1 > 16 ? 32 : 16;
  float even[kRowStride + 16], odd[kRowStride + 16];
  for (size_t y = 0; y < s.height; ++y) {
    const uint8_t* row = pixels + y * s.width;
    for (size_t x = 0; x < windows + 1; ++x) {
      even[x] = (float)row[2 * x];
      odd[x] = (float)row[2 * x + 1];
    }
    float* to = rows + y * 4 * kRowStride;
    for (size_t x = 0; x < windows; x += kLanes) {
      const Vector d0 = load(even + x), d1 = load(odd + x), d2 = load(even + x + 1), d3 = load(odd + x + 1);
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
void forwardPlanes(const StemShape& s, const float* rows, const Ink& ink, const float* weights, const float* bias,
                   const float* blank, const Ahead& ahead, float* values, uint8_t* winners, float* sums) {
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
    for (size_t i = 0; i < ink.inked1; ++i) {
      const size_t y = ink.first[i] >> 8, x = ink.first[i] & 255;
      const size_t at = (y * s.width1 + x) * kGroup;
      if (i % 8 == 0) prefetch.step();
      Integers winner;
      const Vector value = clip(firstWindow<kTraining>(rows + y * 8 * kRowStride + x, w, &winner) + b);
      store(to + at, value);
      if (kTraining) {
        storeBytes(winnersTo + at, winner);
        const Vector d = value - empty;
        sum += d;
        squares += d * d;
      }
    }
    for (size_t i = ink.inked1; i < positions; ++i) {
      const size_t y = ink.first[i] >> 8, x = ink.first[i] & 255;
      store(to + (y * s.width1 + x) * kGroup, empty);
    }
    if (kTraining) {
      store(sums + c, sum);
      store(sums + channels + c, squares);
    }
  }
}

}  // namespace

void firstForward(const StemShape& s, const float* rows, const Ink& ink, const float* weights, const float* bias,
                  const float* blank, const Ahead& ahead, float* values, uint8_t* winners, float* sums) {
  if (sums) {
    forwardPlanes<true>(s, rows, ink, weights, bias, blank, ahead, values, winners, sums);
  } else {
    forwardPlanes<false>(s, rows, ink, weights, bias, blank, ahead, values, winners, sums);
  }
}

void firstQuads(const StemShape& s, const uint8_t* pixels, float* quads) {
  // Whole vectors: a row may write up to three quads into the next one's, which follows.
  float rows[2][kMaxWidth + 8] = {};
  const auto convert = [&](size_t y) {
    float* to = rows[y % 2];
    for (size_t x = 0; x < s.width; ++x) to[x] = (float)pixels[y * s.width + x];
  };
  convert(0);
  for (size_t y = 0; y + 1 < s.height; ++y) {
    convert(y + 1);
    const float *upper = rows[y % 2], *lower = rows[(y + 1) % 2];
    float* to = quads + y * (s.width - 1) * 4;
    for (size_t x = 0; x + 1 < s.width; x += 4, to += 16) {
      const Four u = load4(upper + x), u1 = load4(upper + x + 1), l = load4(lower + x), l1 = load4(lower + x + 1);
      const Four low = __builtin_shufflevector(u, u1, 0, 4, 1, 5), high = __builtin_shufflevector(u, u1, 2, 6, 3, 7);
      const Four low1 = __builtin_shufflevector(l, l1, 0, 4, 1, 5), high1 = __builtin_shufflevector(l, l1, 2, 6, 3, 7);
      store4(to, __builtin_shufflevector(low, low1, 0, 1, 4, 5));
      store4(to + 4, __builtin_shufflevector(low, low1, 2, 3, 6, 7));
      store4(to + 8, __builtin_shufflevector(high, high1, 0, 1, 4, 5));
      store4(to + 12, __builtin_shufflevector(high, high1, 2, 3, 6, 7));
    }
  }
}

void firstWeights(const StemShape& s, const float* quads, const Ink& ink, const float* gradient, const float* values,
                  const uint8_t* winners, const float* coefficients, float* weights, float* sums) {
  const size_t positions = s.positions1(), channels = s.planes1 * kGroup;
  const size_t pitch = (s.width - 1) * 4;
  for (size_t c = 0; c < channels; c += kLanes) {
    const size_t plane = c / kGroup, part = c % kGroup;
    const size_t from = plane * positions * kGroup + part;
    const Vector a = load(coefficients + c), b = load(coefficients + channels + c);
    const Vector shift = load(coefficients + 2 * channels + c);
    Vector sum[kTaps] = {}, biasSum = {}, inkSum = {};
    for (size_t i = 0; i < ink.inked1; ++i) {
      const size_t y = ink.first[i] >> 8, x = ink.first[i] & 255;
      const size_t at = from + (y * s.width1 + x) * kGroup;
      const Vector value = load(values + at), incoming = load(gradient + at);
      const Vector g = wherePositive(value, a * incoming + (b * value + shift));
      biasSum += g;
      inkSum += incoming;
      const Integers winner = loadBytes(winners + at);
      const float* quad = quads + 2 * y * pitch + 8 * x;
#pragma GCC unroll 9
      for (size_t t = 0; t < kTaps; ++t) sum[t] += g * pickOfFour(quad + t / 3 * pitch + t % 3 * 4, winner);
    }
    float* const to = weights + plane * kTaps * kGroup + part;
    for (size_t t = 0; t < kTaps; ++t) store(to + t * kGroup, load(to + t * kGroup) + sum[t]);
    store(sums + c, biasSum);
    store(sums + channels + c, inkSum);
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
