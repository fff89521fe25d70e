#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cpu/ahead.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/**
 * Vectors of the instruction set that the including file is compiled for. Only for files that are compiled
 * once per instruction set: everything here has internal linkage, because the linker keeps one copy of an
 * inline function, and a copy compiled for AVX-512 would crash an older processor.
 */
namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

#if defined(__AVX512F__)
constexpr size_t kLanes = 16;
#elif defined(__AVX__)
constexpr size_t kLanes = 8;
#else
constexpr size_t kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef float Unaligned
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t Integers __attribute__((vector_size(kLanes * sizeof(float))));

inline Vector load(const float* p) {
  return *reinterpret_cast<const Unaligned*>(p);
}
inline void store(float* p, Vector v) {
  *reinterpret_cast<Unaligned*>(p) = v;
}
/** As `load`, for what is used several times: the compiler would load it again for each. */
inline Vector loadOnce(const float* p) {
  Vector v = load(p);
#if defined(__AVX__)
  asm("" : "+v"(v));
#endif
  return v;
}
inline Vector broadcast(float x) {
  return x - Vector{};
}
inline size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/** The first of as few parts of `size` as can be, each `most` at most, all of about the same size. */
inline size_t evenPart(size_t size, size_t most) {
  const size_t parts = (size + most - 1) / most;
  return (size + parts - 1) / parts;
}

/**
 * The first `width` lanes, of which there are at most kLanes; the others are 0 and their memory is not
 * touched.
 */
inline Vector loadPart(const float* p, size_t width) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps((__mmask16)((1u << width) - 1), p);
#elif defined(__AVX2__)
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)width), lanes));
#else
  if (width == kLanes) return load(p);
  if (width & 2) return width & 1 ? Vector{p[0], p[1], p[2]} : Vector{p[0], p[1]};
  return width & 1 ? Vector{p[0]} : Vector{};
#endif
}

inline void storePart(float* p, Vector v, size_t width) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << width) - 1), v);
#elif defined(__AVX2__)
  // A masked store takes a dozen cycles on many processors.
  if (width == kLanes) return store(p, v);
  __m128 four = _mm256_castps256_ps128(v);
  if (width & 4) {
    _mm_storeu_ps(p, four);
    four = _mm256_extractf128_ps(v, 1);
    p += 4;
  }
  if (width & 2) {
    _mm_storel_pi((__m64*)p, four);
    four = _mm_movehl_ps(four, four);
    p += 2;
  }
  if (width & 1) _mm_store_ss(p, four);
#else
  if (width == kLanes) return store(p, v);
  if (width & 2) {
    p[0] = v[0];
    p[1] = v[1];
    if (width & 1) p[2] = v[2];
  } else if (width & 1) {
    p[0] = v[0];
  }
#endif
}

/** As `loadPart`, of all lanes where as many are `left`. */
inline Vector loadUpTo(const float* p, size_t left) {
  return left >= kLanes ? load(p) : loadPart(p, left);
}
inline void storeUpTo(float* p, Vector v, size_t left) {
  if (left >= kLanes) {
    store(p, v);
  } else {
    storePart(p, v, left);
  }
}

inline size_t vectorsOf(size_t size) {
  return (size + kLanes - 1) / kLanes;
}
/** `size` in whole vectors. */
inline size_t wholeVectors(size_t size) {
  return vectorsOf(size) * kLanes;
}

typedef float Four __attribute__((vector_size(16)));
typedef float FourUnaligned __attribute__((vector_size(16), aligned(4), may_alias));

inline Four load4(const float* p) {
  return *reinterpret_cast<const FourUnaligned*>(p);
}
inline void store4(float* p, Four v) {
  *reinterpret_cast<FourUnaligned*>(p) = v;
}

/** Lanes of a (0 to 3) and b (4 to 7). */
template <int kFirst, int kSecond, int kThird, int kFourth>
inline Four shuffle(Four a, Four b) {
#if __has_builtin(__builtin_shufflevector)
  return __builtin_shufflevector(a, b, kFirst, kSecond, kThird, kFourth);
#else
  typedef int32_t FourLanes __attribute__((vector_size(16)));
  return __builtin_shuffle(a, b, FourLanes{kFirst, kSecond, kThird, kFourth});
#endif
}

/** to[column][row] = from[row][column] for 4 x 4 values. */
inline void transpose4(const float* from, size_t stride, float* to, size_t toStride) {
  const Four a = load4(from), b = load4(from + stride), c = load4(from + 2 * stride),
             d = load4(from + 3 * stride);
  const Four ab = shuffle<0, 4, 1, 5>(a, b), cd = shuffle<0, 4, 1, 5>(c, d);
  const Four ab2 = shuffle<2, 6, 3, 7>(a, b), cd2 = shuffle<2, 6, 3, 7>(c, d);
  store4(to, shuffle<0, 1, 4, 5>(ab, cd));
  store4(to + toStride, shuffle<2, 3, 6, 7>(ab, cd));
  store4(to + 2 * toStride, shuffle<0, 1, 4, 5>(ab2, cd2));
  store4(to + 3 * toStride, shuffle<2, 3, 6, 7>(ab2, cd2));
}

/** Lane j of row i goes to lane i of row j. */
inline void transpose(Vector (&rows)[kLanes]) {
  constexpr size_t kFours = kLanes / 4;
  Vector pairs[kLanes];
#if defined(__AVX__)
  // In each part of four lanes by itself, then the parts.
#pragma GCC unroll 4
  for (size_t i = 0; i < kFours; ++i) {
    Vector *const r = rows + 4 * i, *const p = pairs + 4 * i;
#if defined(__AVX512F__)
    // With masks, of all lanes: without, GCC 12 takes what they leave undefined for a mistake.
    const auto low = [](Vector a, Vector b) { return (__m512d)_mm512_maskz_unpacklo_ps(0xffff, a, b); };
    const auto high = [](Vector a, Vector b) { return (__m512d)_mm512_maskz_unpackhi_ps(0xffff, a, b); };
    const __m512d a = low(r[0], r[1]), b = low(r[2], r[3]), c = high(r[0], r[1]), d = high(r[2], r[3]);
    p[0] = (Vector)_mm512_maskz_unpacklo_pd(0xff, a, b);
    p[1] = (Vector)_mm512_maskz_unpackhi_pd(0xff, a, b);
    p[2] = (Vector)_mm512_maskz_unpacklo_pd(0xff, c, d);
    p[3] = (Vector)_mm512_maskz_unpackhi_pd(0xff, c, d);
#else
    const auto low = [](Vector a, Vector b) { return (__m256d)_mm256_unpacklo_ps(a, b); };
    const auto high = [](Vector a, Vector b) { return (__m256d)_mm256_unpackhi_ps(a, b); };
    const __m256d a = low(r[0], r[1]), b = low(r[2], r[3]), c = high(r[0], r[1]), d = high(r[2], r[3]);
    p[0] = (Vector)_mm256_unpacklo_pd(a, b);
    p[1] = (Vector)_mm256_unpackhi_pd(a, b);
    p[2] = (Vector)_mm256_unpacklo_pd(c, d);
    p[3] = (Vector)_mm256_unpackhi_pd(c, d);
#endif
  }
#pragma GCC unroll 4
  for (size_t i = 0; i < 4; ++i) {
#if defined(__AVX512F__)
    const Vector a = pairs[i], b = pairs[4 + i], c = pairs[8 + i], d = pairs[12 + i];
    const Vector ab = _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0x44),
                 cd = _mm512_maskz_shuffle_f32x4(0xffff, c, d, 0x44);
    const Vector ab2 = _mm512_maskz_shuffle_f32x4(0xffff, a, b, 0xee),
                 cd2 = _mm512_maskz_shuffle_f32x4(0xffff, c, d, 0xee);
    rows[i] = _mm512_maskz_shuffle_f32x4(0xffff, ab, cd, 0x88);
    rows[4 + i] = _mm512_maskz_shuffle_f32x4(0xffff, ab, cd, 0xdd);
    rows[8 + i] = _mm512_maskz_shuffle_f32x4(0xffff, ab2, cd2, 0x88);
    rows[12 + i] = _mm512_maskz_shuffle_f32x4(0xffff, ab2, cd2, 0xdd);
#else
    rows[i] = _mm256_permute2f128_ps(pairs[i], pairs[4 + i], 0x20);
    rows[4 + i] = _mm256_permute2f128_ps(pairs[i], pairs[4 + i], 0x31);
#endif
  }
#else
  static_assert(kFours == 1);
  pairs[0] = shuffle<0, 4, 1, 5>(rows[0], rows[1]);
  pairs[1] = shuffle<0, 4, 1, 5>(rows[2], rows[3]);
  pairs[2] = shuffle<2, 6, 3, 7>(rows[0], rows[1]);
  pairs[3] = shuffle<2, 6, 3, 7>(rows[2], rows[3]);
  rows[0] = shuffle<0, 1, 4, 5>(pairs[0], pairs[1]);
  rows[1] = shuffle<2, 3, 6, 7>(pairs[0], pairs[1]);
  rows[2] = shuffle<0, 1, 4, 5>(pairs[2], pairs[3]);
  rows[3] = shuffle<2, 3, 6, 7>(pairs[2], pairs[3]);
#endif
}

/** a > b ? a : b; so b where either is NaN. */
inline Vector larger(Vector a, Vector b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#elif defined(__AVX__)
  return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
  return _mm_max_ps(a, b);
#else
  return a > b ? a : b;
#endif
}

/** max(x, 0); NaN stays NaN. */
inline Vector clip(Vector x) {
  return larger(Vector{}, x);
}

/** x where y > 0, else 0, whatever x is. */
inline Vector wherePositive(Vector y, Vector x) {
#if defined(__AVX512F__)
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(y, Vector{}, _CMP_GT_OQ), x);
#else
  return (Vector)((Integers)(y > Vector{}) & (Integers)x);
#endif
}

/** a > b ? x : y per lane. */
inline Integers whereLarger(Vector a, Vector b, Integers x, Integers y) {
#if defined(__AVX512F__)
  return (Integers)_mm512_mask_mov_epi32((__m512i)y, _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), (__m512i)x);
#else
  const Integers larger = a > b;
  return (larger & x) | (~larger & y);
#endif
}

/** The low bytes of `v`. */
inline void storeBytes(uint8_t* to, Integers v) {
#if defined(__AVX512F__)
  _mm_storeu_si128((__m128i*)to, _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__AVX2__)
  const __m256i words = _mm256_packus_epi32((__m256i)v, _mm256_setzero_si256());
  const __m128i both = _mm_unpacklo_epi64(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  _mm_storel_epi64((__m128i*)to, _mm_packus_epi16(both, both));
#else
  for (size_t i = 0; i < kLanes; ++i) to[i] = (uint8_t)v[i];
#endif
}

inline Integers loadBytes(const uint8_t* from) {
#if defined(__AVX512F__)
  return (Integers)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)from));
#elif defined(__AVX2__)
  return (Integers)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)from));
#else
  Integers v;
  for (size_t i = 0; i < kLanes; ++i) v[i] = from[i];
  return v;
#endif
}

/** A bit per lane that is not 0, NaN included. */
inline uint32_t lanesNotZero(Vector v) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask(v, Vector{}, _CMP_NEQ_UQ);
#elif defined(__AVX__)
  return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(v, Vector{}, _CMP_NEQ_UQ));
#elif defined(__SSE2__)
  return (uint32_t)_mm_movemask_ps(_mm_cmpneq_ps(v, Vector{}));
#else
  uint32_t lanes = 0;
  for (size_t i = 0; i < kLanes; ++i) lanes |= (uint32_t)(v[i] != 0) << i;
  return lanes;
#endif
}

/** How many bits are set, of a bit per lane. */
inline uint32_t countLanes(uint32_t lanes) {
  // Of four lanes from a table in a number: without an instruction of the processor it would be a call.
  if constexpr (kLanes == 4) return 0x4332322132212110 >> 4 * lanes & 15;
  return (uint32_t)__builtin_popcount(lanes);
}

/** A bit per lane that is `value`. */
inline uint32_t lanesEqual(Integers v, int32_t value) {
#if defined(__AVX512F__)
  return _mm512_cmpeq_epi32_mask((__m512i)v, _mm512_set1_epi32(value));
#elif defined(__AVX2__)
  const __m256i equal = _mm256_cmpeq_epi32((__m256i)v, _mm256_set1_epi32(value));
  return (uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal));
#elif defined(__SSE2__)
  return (uint32_t)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32((__m128i)v, _mm_set1_epi32(value))));
#else
  uint32_t lanes = 0;
  for (size_t i = 0; i < kLanes; ++i) lanes |= (uint32_t)(v[i] == value) << i;
  return lanes;
#endif
}

/** A bit per lane whose byte is `value`. */
inline uint32_t lanesEqual(const uint8_t* bytes, uint8_t value) {
#if defined(__AVX512F__)
  return _mm_cmpeq_epi8_mask(_mm_loadu_si128((const __m128i*)bytes), _mm_set1_epi8((char)value));
#elif defined(__AVX__)
  const __m128i equal = _mm_cmpeq_epi8(_mm_loadl_epi64((const __m128i*)bytes), _mm_set1_epi8((char)value));
  return (uint32_t)_mm_movemask_epi8(equal) & 255;
#else
  uint32_t lanes = 0;
  for (size_t i = 0; i < kLanes; ++i) lanes |= (uint32_t)(bytes[i] == value) << i;
  return lanes;
#endif
}

#if !defined(__AVX512F__)
/** For each set of lanes, those that are in it. */
struct LaneLists {
  uint8_t lanes[1 << kLanes][kLanes];

  constexpr LaneLists() : lanes() {
    for (int set = 0; set < 1 << kLanes; ++set) {
      for (uint8_t lane = 0, n = 0; lane < kLanes; ++lane) {
        if (set >> lane & 1) lanes[set][n++] = lane;
      }
    }
  }
};
constexpr LaneLists kLaneLists;
#endif

/** The chosen lanes side by side; what follows them up to a whole vector is undefined. */
inline void storeChosen(float* to, Vector v, uint32_t chosen) {
#if defined(__AVX512F__)
  // Compressed in a register: to memory it is slow on Zen 4.
  store(to, _mm512_maskz_compress_ps((__mmask16)chosen, v));
#elif defined(__AVX2__)
  const __m128i lanes = _mm_loadl_epi64((const __m128i*)kLaneLists.lanes[chosen]);
  store(to, _mm256_permutevar8x32_ps(v, _mm256_cvtepu8_epi32(lanes)));
#else
  // Without a branch, which would often be mispredicted.
  typedef float Bits __attribute__((may_alias));
  Bits* at = to;
  for (size_t i = 0; i < kLanes; ++i) {
    *at = v[i];
    at += chosen >> i & 1;
  }
#endif
}

/** Writes `first` + lane for each of the chosen lanes, as `storeChosen` does their values. */
inline void storeChosenPlaces(uint8_t* to, size_t first, uint32_t chosen) {
#if defined(__AVX512F__)
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i places = _mm512_add_epi32(lanes, _mm512_set1_epi32((int)first));
  const __m512i some = _mm512_maskz_compress_epi32((__mmask16)chosen, places);
  _mm_storeu_si128((__m128i*)to, _mm512_cvtepi32_epi8(some));
#elif defined(__AVX2__)
  const __m128i lanes = _mm_loadl_epi64((const __m128i*)kLaneLists.lanes[chosen]);
  _mm_storel_epi64((__m128i*)to, _mm_add_epi8(lanes, _mm_set1_epi8((char)first)));
#else
  for (size_t i = 0; i < kLanes; ++i) to[i] = (uint8_t)(first + kLaneLists.lanes[chosen][i]);
#endif
}

/** Lane i gets the bytes 2i and 2i + 1 as the low and the next byte of a number. */
inline Integers loadPairs(const uint8_t* from) {
#if defined(__AVX512F__)
  return (Integers)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)from));
#elif defined(__AVX2__)
  return (Integers)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)from));
#else
  Integers v;
  for (size_t i = 0; i < kLanes; ++i) v[i] = from[2 * i] | from[2 * i + 1] << 8;
  return v;
#endif
}

inline Vector toFloats(Integers v) {
  return __builtin_convertvector(v, Vector);
}

/** Lane i gets from[index[i]], 0 <= index < 4. */
inline Vector pickOfFour(const float* from, Integers index) {
#if defined(__AVX512F__)
  return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(from)), (__m512i)index);
#elif defined(__AVX2__)
  return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128*)from), (__m256i)index);
#else
  // As integers: arithmetic might change bits that are no floats.
  typedef int32_t FourIntegers __attribute__((vector_size(16)));
  const FourIntegers four = (FourIntegers)load4(from);
  // Not -(index >> 1), which GCC 10 takes for a shift of the sign.
  const Integers odd = (Integers)((index & 1) != 0), lower = (Integers)((index & 2) != 0);
  const Integers a = Integers{} + four[0], b = Integers{} + four[1];
  const Integers c = Integers{} + four[2], d = Integers{} + four[3];
  return (Vector)((~lower & ((~odd & a) | (odd & b))) | (lower & ((~odd & c) | (odd & d))));
#endif
}

// ---- Half a vector, for what would leave the other half empty ---------------------------------------------

#if defined(__AVX512F__)
typedef float Half __attribute__((vector_size(kLanes / 2 * sizeof(float))));

inline void storePart(float* p, Half v, size_t width) {
  _mm256_mask_storeu_ps(p, (__mmask8)((1u << width) - 1), v);
}
inline Half clip(Half x) {
  return _mm256_max_ps(Half{}, x);
}
/** With zeros in the other half. */
inline Vector extended(Half v) {
  return _mm512_zextps256_ps512(v);
}
#else
/** There is none: as wide as a vector. */
typedef Vector Half;
#endif
inline Vector extended(Vector v) {
  return v;
}

template <typename V>
constexpr size_t kLanesOf = sizeof(V) / sizeof(float);

template <typename V>
inline V loadAs(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof(V));
  return v;
}
template <typename V>
inline V broadcastAs(float x) {
  return x - V{};
}
/** The first lanes. */
template <typename V>
inline V firstOf(Vector v) {
  V first;
  __builtin_memcpy(&first, &v, sizeof(V));
  return first;
}

/** Neighbouring vectors, the last of which may be half a one. */
template <size_t kVectors, typename Last = Vector>
struct Row {
  static constexpr size_t kWhole = kVectors - 1;
  static constexpr size_t kWidth = kWhole * kLanes + kLanesOf<Last>;
  Vector whole[kVectors];
  Last last;

  [[gnu::always_inline]] void clear() {
#pragma GCC unroll 24
    for (size_t v = 0; v < kWhole; ++v) whole[v] = Vector{};
    last = Last{};
  }
  [[gnu::always_inline]] void read(const float* from) {
#pragma GCC unroll 24
    for (size_t v = 0; v < kWhole; ++v) whole[v] = load(from + v * kLanes);
    last = loadAs<Last>(from + kWhole * kLanes);
  }
  [[gnu::always_inline]] void write(float* to) const {
#pragma GCC unroll 24
    for (size_t v = 0; v < kWhole; ++v) store(to + v * kLanes, whole[v]);
    __builtin_memcpy(to + kWhole * kLanes, &last, sizeof last);
  }
  [[gnu::always_inline]] void add(const Row& row) {
#pragma GCC unroll 24
    for (size_t v = 0; v < kWhole; ++v) whole[v] += row.whole[v];
    last += row.last;
  }
  [[gnu::always_inline]] void addProduct(float factor, const Row& row) {
    if constexpr (kWhole > 0) {
      const Vector x = broadcast(factor);
#pragma GCC unroll 24
      for (size_t v = 0; v < kWhole; ++v) whole[v] += x * row.whole[v];
      last += firstOf<Last>(x) * row.last;
    } else {
      last += broadcastAs<Last>(factor) * row.last;
    }
  }
};

}  // namespace
}  // namespace convsweep::cpu::CONVSWEEP_ISA
