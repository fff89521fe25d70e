// One value at a time. Compiled once per instruction set, see simd.h.
#include "cpu/elementwise/kernels_isa.h"
#include "cpu/simd.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

void rescale(const uint8_t* x, size_t size, float scale, float offset, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<float>(x[i]) * scale + offset;
}

void affine(const float* x, size_t size, float scale, float offset, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] * scale + offset;
}

void relu(const float* x, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] < 0 ? 0 : x[i];  // keeps NaN
}

void biasRelu(float* x, size_t rows, size_t columns, const float* bias, bool clip) {
  if (bias) {
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) x[i * columns + j] += bias[j];
    }
  }
  if (clip) relu(x, rows * columns, x);
}

void reluBackward(const float* y, const float* gradient, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = y[i] > 0 ? gradient[i] : 0;
}

namespace {

/** As in backend/hash.h. */
inline uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

void dropout(const float* x, size_t first, size_t size, uint64_t key, float rate, float* factors,
             float* out) {
  const float kept = 1 / (1 - rate);
  for (size_t i = 0; i < size; ++i) {
    const float uniform = static_cast<float>(static_cast<int32_t>(mixed(key + first + i) >> 40)) * 0x1p-24f;
    factors[i] = uniform < rate ? 0 : kept;
    out[i] = x[i] * factors[i];
  }
}

void multiply(const float* x, const float* y, size_t size, float* out) {
  for (size_t i = 0; i < size; ++i) out[i] = x[i] * y[i];
}

void adam(float* w, float* m, float* v, const float* gradient, size_t size, float stepSize, float beta1,
          float beta2, float epsilon) {
  for (size_t i = 0; i < size; ++i) {
    const float g = gradient[i];
    m[i] += (g - m[i]) * (1 - beta1);
    v[i] += (g * g - v[i]) * (1 - beta2);
    w[i] -= stepSize * m[i] / (__builtin_sqrtf(v[i]) + epsilon);
  }
}

}  // namespace convsweep::cpu::CONVSWEEP_ISA
