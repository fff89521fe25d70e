#pragma once

#include "cpu/simd.h"

/**
 * Winograd's transforms in one direction, F(results, weights), for files that are compiled once per
 * instruction set. The results of a tile are transformOutput(transformKernel(weights) *
 * transformInput(inputs)).
 */
namespace convsweep::cpu::CONVSWEEP_ISA {
namespace {

// F(4, 3) evaluates at 0, +-3/4, +-3/2 and infinity. With these points, whose powers are exact, its results
// are twice as accurate as with the usual 0, +-1, +-2.
constexpr float kNear = 0.75f, kNear2 = kNear * kNear;
constexpr float kFar = 1.5f, kFar2 = kFar * kFar;

/** Of kOut + 2 inputs. */
template <size_t kOut>
inline void transformInput(const Vector* d, Vector* t) {
  if constexpr (kOut == 2) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  } else {
    const Vector even = d[4] - kFar2 * d[2], odd = kNear * (d[3] - kFar2 * d[1]);
    const Vector even2 = d[4] - kNear2 * d[2], odd2 = kFar * (d[3] - kNear2 * d[1]);
    t[0] = d[4] - (kNear2 + kFar2) * d[2] + kNear2 * kFar2 * d[0];
    t[1] = even + odd;
    t[2] = even - odd;
    t[3] = even2 + odd2;
    t[4] = even2 - odd2;
    t[5] = d[5] - (kNear2 + kFar2) * d[3] + kNear2 * kFar2 * d[1];
  }
}

/** Of three weights. */
template <size_t kOut>
inline void transformKernel(const Vector* g, Vector* t) {
  if constexpr (kOut == 2) {
    const Vector outer = g[0] + g[2];
    t[0] = g[0];
    t[1] = (outer + g[1]) * 0.5f;
    t[2] = (outer - g[1]) * 0.5f;
    t[3] = g[2];
  } else {
    const Vector near = g[0] + kNear2 * g[2], far = g[0] + kFar2 * g[2];
    const float nearShare = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                farShare = 1 / (2 * kFar2 * (kFar2 - kNear2));
    t[0] = g[0] * (1 / (kNear2 * kFar2));
    t[1] = (near + kNear * g[1]) * nearShare;
    t[2] = (near - kNear * g[1]) * nearShare;
    t[3] = (far + kFar * g[1]) * farShare;
    t[4] = (far - kFar * g[1]) * farShare;
    t[5] = g[2];
  }
}

/** To kOut results. */
template <size_t kOut>
inline void transformOutput(const Vector* m, Vector* y) {
  const Vector sum = m[1] + m[2], difference = m[1] - m[2];
  if constexpr (kOut == 2) {
    y[0] = m[0] + sum;
    y[1] = difference - m[3];
  } else {
    const Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + sum + sum2;
    y[1] = kNear * difference + kFar * difference2;
    y[2] = kNear2 * sum + kFar2 * sum2;
    y[3] = kNear * kNear2 * difference + kFar * kFar2 * difference2 + m[5];
  }
}

// The same for six inputs, whatever they are cut into: F(4, 3) or F(2, 5), and the transposes, which
// gradients need. Row i of the matrices holds the powers of point i, the last one the highest power only.

/** What each point's products are multiplied with. */
constexpr float kZeroShare = 1 / (kNear2 * kFar2);
constexpr float kNearShare = 1 / (2 * kNear2 * (kNear2 - kFar2)),
                kFarShare = 1 / (2 * kFar2 * (kFar2 - kNear2));

/** Of kWeights weights. */
template <size_t kWeights>
inline void sixWeights(const Vector* g, Vector* t) {
  Vector evenNear = g[0] + kNear2 * g[2], evenFar = g[0] + kFar2 * g[2];
  Vector oddNear = g[1], oddFar = g[1];
  if constexpr (kWeights == 5) {
    evenNear += kNear2 * kNear2 * g[4];
    evenFar += kFar2 * kFar2 * g[4];
    oddNear += kNear2 * g[3];
    oddFar += kFar2 * g[3];
  }
  t[0] = g[0] * kZeroShare;
  t[1] = (evenNear + kNear * oddNear) * kNearShare;
  t[2] = (evenNear - kNear * oddNear) * kNearShare;
  t[3] = (evenFar + kFar * oddFar) * kFarShare;
  t[4] = (evenFar - kFar * oddFar) * kFarShare;
  t[5] = g[kWeights - 1];
}

/** To kOut results. */
template <size_t kOut>
inline void sixResults(const Vector* m, Vector* y) {
  const Vector sum = m[1] + m[2], difference = m[1] - m[2];
  const Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  if constexpr (kOut == 2) {
    y[1] = kNear * difference + kFar * difference2 + m[5];
  } else {
    y[1] = kNear * difference + kFar * difference2;
    y[2] = kNear2 * sum + kFar2 * sum2;
    y[3] = kNear * kNear2 * difference + kFar * kFar2 * difference2 + m[5];
  }
}

/** The transpose of `sixResults`: of the gradients of kOut results. */
template <size_t kOut>
inline void sixGradients(const Vector* g, Vector* t) {
  Vector even = g[0], evenFar = g[0], odd = g[1], oddFar = g[1];
  if constexpr (kOut == 4) {
    even += kNear2 * g[2];
    evenFar += kFar2 * g[2];
    odd += kNear2 * g[3];
    oddFar += kFar2 * g[3];
  }
  t[0] = g[0];
  t[1] = even + kNear * odd;
  t[2] = even - kNear * odd;
  t[3] = evenFar + kFar * oddFar;
  t[4] = evenFar - kFar * oddFar;
  t[5] = g[kOut - 1];
}

/** The transpose of `sixWeights`: to the gradients of kWeights weights. */
template <size_t kWeights>
inline void sixWeightGradients(const Vector* t, Vector* g) {
  const Vector sum = kNearShare * (t[1] + t[2]), difference = kNear * kNearShare * (t[1] - t[2]);
  const Vector sum2 = kFarShare * (t[3] + t[4]), difference2 = kFar * kFarShare * (t[3] - t[4]);
  g[0] = kZeroShare * t[0] + sum + sum2;
  g[1] = difference + difference2;
  g[2] = kNear2 * sum + kFar2 * sum2;
  if constexpr (kWeights == 5) {
    g[3] = kNear2 * difference + kFar2 * difference2;
    g[4] = kNear2 * kNear2 * sum + kFar2 * kFar2 * sum2;
  }
  g[kWeights - 1] += t[5];
}

}  // namespace
}  // namespace convsweep::cpu::CONVSWEEP_ISA
