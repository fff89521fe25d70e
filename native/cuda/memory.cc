#include "cuda/memory.h"

#include <algorithm>
#include <cstdio>

#include "cuda/check.h"
#include "engine/error.h"

namespace convsweep::cuda {
namespace {

std::string readable(size_t bytes) {
  const bool large = bytes >= size_t{1} << 30;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", static_cast<double>(bytes) / (large ? 1 << 30 : 1 << 20),
                large ? "GiB" : "MiB");
  return text;
}

}  // namespace

std::string freeMemory() {
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "how much memory is free is not known";
  return readable(free) + " of " + readable(total) + " are free";
}

DeviceMemory::DeviceMemory(size_t bytes, const char* purpose) {
  bytes = std::max<size_t>(bytes, 1);
  const cudaError_t status = cudaMalloc(&data_, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    data_ = nullptr;
    throw Error("OUT_OF_MEMORY", "The device has too little memory: " + readable(bytes) + " are needed for " +
                                     purpose + ", " + freeMemory() +
                                     "; train fewer models at a time (--jobs) or in smaller batches");
  }
  check(status, {"cudaMalloc", __FILE__, __LINE__});
  bytes_ = bytes;
  deviceBytesInUse += bytes_;
}

DeviceMemory::~DeviceMemory() {
  if (!data_) return;
  cudaFree(data_);
  deviceBytesInUse -= bytes_;
}

PinnedBytes::PinnedBytes(size_t bytes) {
  CUDART(cudaMallocHost, &data_, bytes);
}
PinnedBytes::~PinnedBytes() {
  cudaFreeHost(data_);
}

}  // namespace convsweep::cuda
