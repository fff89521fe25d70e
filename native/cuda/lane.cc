#include "cuda/lane.h"

#include "cuda/check.h"

namespace convsweep::cuda {
namespace {
/** What NVIDIA advises for Hopper; elsewhere less would do. */
constexpr size_t kCublasWorkspace = size_t{32} << 20;
}  // namespace

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

CublasHandle::CublasHandle(cudaStream_t stream) : workspace_(kCublasWorkspace, "cuBLAS") {
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
