#pragma once

#include "cuda/threads.h"

/*
 * By itself, and naming nothing of CUDA but what a kernel is written with, for the reason that
 * cuda/reduce_kernel.h gives.
 */
namespace convsweep::cuda {

/**
 * The threads of a block, which go over values together. A thread takes the same indices each time, so it
 * finds what it left in memory for one; what others left it must not read.
 */
class ThreadBlock {
 public:
  /** `sums`: shared memory for kThreads of them. */
  __device__ explicit ThreadBlock(float* sums) : sums_(sums) {}

  /** The sum of term(i) over i below `terms`, which all threads get. */
  template <typename Term>
  __device__ float sum(uint32_t terms, const Term& term) const {
    const uint32_t t = threadIdx.x;
    float own = 0;
    for (uint32_t i = t; i < terms; i += kThreads) own += term(i);
    sums_[t] = own;
    for (uint32_t half = kThreads / 2; half > 0; half /= 2) {
      __syncthreads();
      if (t < half) sums_[t] += sums_[t + half];
    }
    __syncthreads();
    const float total = sums_[0];
    // The next sum overwrites it.
    __syncthreads();
    return total;
  }

  /** work(i) for every i below `count`. */
  template <typename Work>
  __device__ void each(uint32_t count, const Work& work) const {
    for (uint32_t i = threadIdx.x; i < count; i += kThreads) work(i);
  }

  template <typename Work>
  __device__ void once(const Work& work) const {
    if (threadIdx.x == 0) work();
  }

 private:
  float* sums_;
};

/** What `forEachBlock` of launch.h runs. */
template <typename Body>
__global__ void __launch_bounds__(kThreads) forEachBlockKernel(Body body) {
  __shared__ float sums[kThreads];
  body(ThreadBlock(sums), blockIdx.x);
}

}  // namespace convsweep::cuda
