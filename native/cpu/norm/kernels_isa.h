#pragma once

#include "cpu/kernels.h"

/** See Kernels. */
namespace convsweep::cpu::CONVSWEEP_ISA {

void columnSums(const float* x, size_t rows, size_t columns, float* sums);
void moments(const float* x, size_t rows, size_t columns, float* mean, float* variance);
void normalise(const float* x, size_t rows, size_t columns, const float* mean, const float* scale,
               const float* shift, bool relu, float* out);
void normSums(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
              const float* inverseDeviation, const float* scale, const float* shift, float* dgamma,
              float* dbeta);
void normBackward(const float* x, const float* gradient, size_t rows, size_t columns, const float* mean,
                  const float* inverseDeviation, const float* scale, const float* shift, const float* dgamma,
                  const float* dbeta, float share, float* dx);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
