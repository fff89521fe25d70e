#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/check.h"
#include "cuda/threads.h"
#ifndef CONVSWEEP_CUDA_STANDIN
#include "cuda/block_kernel.h"
#include "cuda/reduce_kernel.h"
#endif

/**
 * The three shapes that all of this backend's kernels have. A body is a small struct of pointers and numbers,
 * copied to the device; what it does for one element or one term is plain code that runs on the host as well.
 *
 *   forEach        body(i) for every i below `count`, in no order
 *   reduce         for each of `blocks` blocks, body.finish(b, sum of body.term(b, i) over i below
 *                  body.terms(b)), where Body::Sum is what the terms are
 *   forEachBlock   body(threads, b) for each of `blocks` blocks, where `threads` is what block_kernel.h calls
 * a ThreadBlock: for values that must be gone over again when their sum is known
 *
 * Sums come in an order that depends on the number of terms alone, so that equal input gives equal bits.
 */
namespace convsweep::cuda {

#ifdef CONVSWEEP_CUDA_STANDIN

template <typename Body>
void forEach(cudaStream_t stream, uint32_t count, Body body) {
  CUDART(standinLaunch, stream, [=] {
    for (uint32_t i = 0; i < count; ++i) body(i);
  });
}

/** The sum of term(i) over i below `terms`, thread by thread in the order of reduceKernel and of ThreadBlock.
 */
template <typename Sum, typename Term>
Sum sumAsBlock(uint32_t terms, const Term& term) {
  Sum sums[kThreads]{};
  for (uint32_t i = 0; i < terms; ++i) sums[i % kThreads] += term(i);
  for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
    for (uint32_t t = 0; t < half; ++t) sums[t] += sums[t + half];
  }
  return sums[0];
}

template <typename Body>
void reduce(cudaStream_t stream, uint32_t blocks, Body body) {
  CUDART(standinLaunch, stream, [=] {
    for (uint32_t b = 0; b < blocks; ++b) {
      const auto term = [&](uint32_t i) { return body.term(b, i); };
      body.finish(b, sumAsBlock<typename Body::Sum>(body.terms(b), term));
    }
  });
}

/** What a ThreadBlock does. */
class SerialThreadBlock {
 public:
  template <typename Term>
  float sum(uint32_t terms, const Term& term) const {
    return sumAsBlock<float>(terms, term);
  }
  template <typename Work>
  void each(uint32_t count, const Work& work) const {
    for (uint32_t i = 0; i < count; ++i) work(i);
  }
  template <typename Work>
  void once(const Work& work) const {
    work();
  }
};

template <typename Body>
void forEachBlock(cudaStream_t stream, uint32_t blocks, Body body) {
  CUDART(standinLaunch, stream, [=] {
    for (uint32_t b = 0; b < blocks; ++b) body(SerialThreadBlock(), b);
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

template <typename Body>
void forEachBlock(cudaStream_t stream, uint32_t blocks, Body body) {
  if (blocks == 0) return;
  forEachBlockKernel<<<blocks, kThreads, 0, stream>>>(body);
  CUDART(cudaGetLastError);
}

#endif

}  // namespace convsweep::cuda
