#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

/**
 * Every status of NVIDIA's libraries goes through here: anything but success becomes an Error that says the
 * status' name, its text, the call and the place. Out of device memory has the code OUT_OF_MEMORY, all else
 * NATIVE.
 */
namespace convsweep::cuda {

/** Where a call stands in the source. */
struct Place {
  const char* call;
  const char* file;
  int line;
};

void check(cudaError_t status, Place place);
void check(cudnnStatus_t status, Place place);
void check(cublasStatus_t status, Place place);

}  // namespace convsweep::cuda

/** Calls the CUDA runtime, cuDNN or cuBLAS and checks the status. */
#define CUDART(name, ...) ::convsweep::cuda::check(name(__VA_ARGS__), {#name, __FILE__, __LINE__})
#define CUDNN(name, ...) \
  ::convsweep::cuda::check(::convsweep::cuda::libraries().name(__VA_ARGS__), {#name, __FILE__, __LINE__})
#define CUBLAS(name, ...) \
  ::convsweep::cuda::check(::convsweep::cuda::libraries().name(__VA_ARGS__), {#name, __FILE__, __LINE__})
