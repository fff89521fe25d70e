#pragma once

#include <cuda_runtime.h>

#include <functional>

#include "cuda/stream.h"

namespace convsweep::probe {

/** A recording as CUDA answers it. */
struct Recording {
  /** Of the first call that failed. */
  cudaError_t status = cudaSuccess;
  /** Kernels, copies and what else there is; empty unless it went well. */
  size_t nodes = 0;
  cuda::GraphExec graph;
};

/** Records what `work` puts into `stream`, in the backend's mode. Everything in it must have run before. */
Recording record(cudaStream_t stream, const std::function<void()>& work);

/** Microseconds of `work` on the device when it runs again and again from one recording. Waits. */
double microseconds(cudaStream_t stream, const std::function<void()>& work);

}  // namespace convsweep::probe
