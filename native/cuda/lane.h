#pragma once

#include "cuda/libraries.h"
#include "cuda/memory.h"
#include "cuda/stream.h"

namespace convsweep::cuda {

/** cuDNN for one thread at a time. */
class CudnnHandle {
 public:
  explicit CudnnHandle(cudaStream_t stream);
  ~CudnnHandle();
  CudnnHandle(const CudnnHandle&) = delete;
  CudnnHandle& operator=(const CudnnHandle&) = delete;
  cudnnHandle_t get() const { return handle_; }

 private:
  cudnnHandle_t handle_ = nullptr;
};

/** cuBLAS for one thread at a time, with a workspace of its own: the default one grows, which a recording
 * forbids. */
class CublasHandle {
 public:
  explicit CublasHandle(cudaStream_t stream);
  ~CublasHandle();
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  cublasHandle_t get() const { return handle_; }

 private:
  DeviceMemory workspace_;
  cublasHandle_t handle_ = nullptr;
};

/** What one network needs to queue its work beside the others', on the device that was current when it was
 * made. */
class Lane {
 public:
  cudaStream_t stream() const { return stream_.get(); }
  cudnnHandle_t cudnn() const { return cudnn_.get(); }
  cublasHandle_t cublas() const { return cublas_.get(); }

 private:
  Stream stream_ = makeStream();
  CudnnHandle cudnn_{stream_.get()};
  CublasHandle cublas_{stream_.get()};
};

}  // namespace convsweep::cuda
