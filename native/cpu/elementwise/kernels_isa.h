#pragma once

#include "cpu/kernels.h"

/** See Kernels. */
namespace convsweep::cpu::CONVSWEEP_ISA {

void rescale(const uint8_t* x, size_t size, float scale, float offset, float* out);
void affine(const float* x, size_t size, float scale, float offset, float* out);
void relu(const float* x, size_t size, float* out);
void biasRelu(float* x, size_t rows, size_t columns, const float* bias, bool relu);
void reluBackward(const float* y, const float* gradient, size_t size, float* out);
void dropout(const float* x, size_t first, size_t size, uint64_t key, float rate, float* factors, float* out);
void multiply(const float* x, const float* y, size_t size, float* out);
void adam(float* w, float* m, float* v, const float* gradient, size_t size, float stepSize, float beta1,
          float beta2, float epsilon);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
