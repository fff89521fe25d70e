#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>
#include <cudnn.h>

#include <string>

/**
 * Every call that this backend makes into NVIDIA's libraries. The CUDA runtime is linked statically and
 * called directly; cuDNN and cuBLAS are opened when a device is first looked for, so that the addon loads on
 * any machine and can say what is missing there.
 */

// The CUDA runtime's calls, for whoever puts something else beneath them:
//   versions   cudaDriverGetVersion, cudaRuntimeGetVersion
//   devices    cudaGetDeviceCount, cudaGetDeviceProperties, cudaInitDevice, cudaSetDevice,
//              cudaMemGetInfo
//   memory     cudaMalloc, cudaFree, cudaMallocHost, cudaFreeHost, cudaMemcpyAsync, cudaMemsetAsync
//   streams    cudaStreamCreateWithFlags, cudaStreamDestroy, cudaStreamSynchronize,
//              cudaStreamBeginCapture (thread-local mode), cudaStreamEndCapture
//   events     cudaEventCreateWithFlags, cudaEventDestroy, cudaEventRecord, cudaEventQuery,
//              cudaEventSynchronize
//   graphs     cudaGraphInstantiate, cudaGraphLaunch, cudaGraphDestroy, cudaGraphExecDestroy
//   errors     cudaGetLastError, cudaGetErrorName, cudaGetErrorString
//   kernels    <<<>>> in native/cuda/launch.h alone; with CONVSWEEP_CUDA_STANDIN instead
//              standinLaunch(cudaStream_t, std::function<void()>), which that cuda_runtime.h declares

#define CONVSWEEP_CUDNN_CALLS(X)             \
  X(cudnnGetVersion)                         \
  X(cudnnGetErrorString)                     \
  X(cudnnGetLastErrorString)                 \
  X(cudnnCreate)                             \
  X(cudnnDestroy)                            \
  X(cudnnSetStream)                          \
  X(cudnnCreateTensorDescriptor)             \
  X(cudnnDestroyTensorDescriptor)            \
  X(cudnnSetTensor4dDescriptor)              \
  X(cudnnBackendCreateDescriptor)            \
  X(cudnnBackendDestroyDescriptor)           \
  X(cudnnBackendSetAttribute)                \
  X(cudnnBackendGetAttribute)                \
  X(cudnnBackendFinalize)                    \
  X(cudnnBackendExecute)                     \
  X(cudnnBatchNormalizationForwardTraining)  \
  X(cudnnBatchNormalizationForwardInference) \
  X(cudnnBatchNormalizationBackward)         \
  X(cudnnSoftmaxForward)

#define CONVSWEEP_CUBLAS_CALLS(X) \
  X(cublasGetStatusName)          \
  X(cublasGetStatusString)        \
  X(cublasGetProperty)            \
  X(cublasCreate_v2)              \
  X(cublasDestroy_v2)             \
  X(cublasSetStream_v2)           \
  X(cublasSetWorkspace_v2)        \
  X(cublasSetMathMode)            \
  X(cublasSgemm_v2)

namespace convsweep::cuda {

/** The entry points of cuDNN 9 and cuBLAS. Layout: images NCHW float, filters KCRS, matrices row-major. */
struct Libraries {
#define X(name) decltype(&::name) name = nullptr;
  CONVSWEEP_CUDNN_CALLS(X)
  CONVSWEEP_CUBLAS_CALLS(X)
#undef X

  /** Versions as found, such as `9.24.0`. */
  std::string cudnnVersion, cublasVersion;
};

/** Opens both once per process. Throws Error DEVICE_UNAVAILABLE with what is missing and the remedy. */
const Libraries& libraries();

}  // namespace convsweep::cuda
