#pragma once

#include "cpu/kernels.h"

/** See Kernels. */
namespace convsweep::cpu::CONVSWEEP_ISA {

void poolRow(const PoolSpec&, const float* map, size_t stride, const PoolRow&, bool relu, size_t lineStep,
             size_t step, const float* tolerance, float* to, int32_t* winners);
void largestOf(const float* map, size_t positions, size_t stride, size_t channels, float* to);
void poolBackward(const PoolSpec&, const float* gradient, const int32_t* winners, float* dx);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
