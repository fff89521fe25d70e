#pragma once

#include "cuda/convolution_plan.h"
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
  CublasHandle(cudaStream_t stream, DeviceMemory workspace);
  ~CublasHandle();
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  cublasHandle_t get() const { return handle_; }

 private:
  DeviceMemory workspace_;
  cublasHandle_t handle_ = nullptr;
};

/**
 * What one network needs to queue its work beside the others', on the device that was current when it was
 * made. The parts that are costly to make or to free; a lane serves one network after the other.
 */
class Lane {
 public:
  /** What NVIDIA advises as cuBLAS' workspace on Hopper; elsewhere less would do. */
  static constexpr size_t kWorkspace = size_t{32} << 20;
  /** Room for what a network copies back without waiting. */
  static constexpr size_t kPinned = 4096;

  /** `choices` are of the current device, and outlive the lane. */
  Lane(DeviceMemory workspace, ConvolutionChoices& choices)
      : convolutions_(cudnn_.get(), choices), cublas_(stream_.get(), std::move(workspace)) {}

  cudaStream_t stream() const { return stream_.get(); }
  cudnnHandle_t cudnn() const { return cudnn_.get(); }
  cublasHandle_t cublas() const { return cublas_.get(); }
  ConvolutionPlans& convolutions() { return convolutions_; }
  const PinnedBytes& pinned() const { return pinned_; }
  cudaEvent_t event() const { return event_.get(); }

 private:
  const Stream stream_ = makeStream();
  const CudnnHandle cudnn_{stream_.get()};
  ConvolutionPlans convolutions_;
  const CublasHandle cublas_;
  const PinnedBytes pinned_{kPinned};
  const Event event_ = makeEvent();
};

}  // namespace convsweep::cuda
