#pragma once

#include "cuda/threads.h"

/*
 * By itself, and naming nothing of CUDA but what a kernel is written with: test/native/block_threads.h gives
 * those words a meaning on the host, where ThreadSanitizer looks at this very text.
 */
namespace convsweep::cuda {

/** What `reduce` of launch.h runs, a block for each of its blocks. */
template <typename Body>
__global__ void __launch_bounds__(kThreads) reduceKernel(Body body) {
  __shared__ typename Body::Sum sums[kThreads];
  const uint32_t b = blockIdx.x, t = threadIdx.x, terms = body.terms(b);
  typename Body::Sum sum{};
  for (uint32_t i = t; i < terms; i += kThreads) sum += body.term(b, i);
  sums[t] = sum;
  for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (t < half) sums[t] += sums[t + half];
  }
  if (t == 0) body.finish(b, sums[0]);
}

}  // namespace convsweep::cuda
