#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/check.h"
#include "cuda/threads.h"
#ifndef CONVSWEEP_CUDA_STANDIN
#include "cuda/reduce_kernel.h"
#endif

/**
 * The two shapes that all of this backend's kernels have. A body is a small struct of pointers and numbers,
 * copied to the device; what it does for one element or one term is plain code that runs on the host as well.
 *
 *   forEach   body(i) for every i below `count`, in no order
 *   reduce    for each of `blocks` blocks, body.finish(b, sum of body.term(b, i) over i below body.terms(b)),
 * where Body::Sum is what the terms are; in an order that depends on the number of terms alone, so that equal
 *             input gives equal bits
 */
namespace convsweep::cuda {

#ifdef CONVSWEEP_CUDA_STANDIN

template <typename Body>
void forEach(cudaStream_t stream, uint32_t count, Body body) {
  CUDART(standinLaunch, stream, [=] {
    for (uint32_t i = 0; i < count; ++i) body(i);
  });
}

/** In the order of reduceKernel, thread by thread. */
template <typename Body>
void reduce(cudaStream_t stream, uint32_t blocks, Body body) {
  CUDART(standinLaunch, stream, [=] {
    for (uint32_t b = 0; b < blocks; ++b) {
      typename Body::Sum sums[kThreads]{};
      for (uint32_t i = 0; i < body.terms(b); ++i) sums[i % kThreads] += body.term(b, i);
      for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
        for (uint32_t t = 0; t < half; ++t) sums[t] += sums[t + half];
      }
      body.finish(b, sums[0]);
    }
  });
}

#else

template <typename Body>
__global__ void __launch_bounds__(kThreads) forEachKernel(uint32_t count, Body body) {
  const uint32_t i = blockIdx.x * kThreads + threadIdx.x;
  if (i < count) body(i);
}

template <typename Body>
void forEach(cudaStream_t stream, uint32_t count, Body body) {
  if (count == 0) return;
  forEachKernel<<<(count + kThreads - 1) / kThreads, kThreads, 0, stream>>>(count, body);
  CUDART(cudaGetLastError);
}

template <typename Body>
void reduce(cudaStream_t stream, uint32_t blocks, Body body) {
  if (blocks == 0) return;
  reduceKernel<<<blocks, kThreads, 0, stream>>>(body);
  CUDART(cudaGetLastError);
}

#endif

}  // namespace convsweep::cuda
