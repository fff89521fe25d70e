#include "cuda/lane.h"

#include <utility>

#include "cuda/check.h"

namespace convsweep::cuda {

CudnnHandle::CudnnHandle(cudaStream_t stream) {
  CUDNN(cudnnCreate, &handle_);
  try {
    CUDNN(cudnnSetStream, handle_, stream);
  } catch (...) {
    libraries().cudnnDestroy(handle_);
    throw;
  }
}
CudnnHandle::~CudnnHandle() {
  libraries().cudnnDestroy(handle_);
}

CublasHandle::CublasHandle(cudaStream_t stream, DeviceMemory workspace) : workspace_(std::move(workspace)) {
  CUBLAS(cublasCreate_v2, &handle_);
  try {
    // In this order: setting the stream takes the workspace away.
    CUBLAS(cublasSetStream_v2, handle_, stream);
    CUBLAS(cublasSetWorkspace_v2, handle_, workspace_.as(), workspace_.bytes());
  } catch (...) {
    libraries().cublasDestroy_v2(handle_);
    throw;
  }
}
CublasHandle::~CublasHandle() {
  libraries().cublasDestroy_v2(handle_);
}

}  // namespace convsweep::cuda
