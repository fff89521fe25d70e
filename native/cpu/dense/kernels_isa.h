#pragma once

#include "cpu/dense/matrix.h"

namespace convsweep::cpu::CONVSWEEP_ISA {

/** See Kernels::gemm. */
void gemm(size_t m, size_t n, size_t k, Matrix a, Matrix b, float* c, size_t ldc, float* scratch,
          ValueList* lists);

}  // namespace convsweep::cpu::CONVSWEEP_ISA
