#include "cuda/memory.h"

#include <algorithm>
#include <cstdio>

#include "backend/taken.h"
#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

/** Sizes are rounded up, so that blocks suit networks of slightly different widths. */
size_t rounded(size_t bytes) {
  const size_t step = bytes > size_t{1} << 20 ? size_t{1} << 20 : size_t{1} << 12;
  return std::max<size_t>((bytes + step - 1) / step * step, step);
}

}  // namespace

std::string readableSize(size_t bytes) {
  const bool large = bytes >= size_t{1} << 30;
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %s", static_cast<double>(bytes) / (large ? 1 << 30 : 1 << 20),
                large ? "GiB" : "MiB");
  return text;
}

std::string freeMemory() {
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "how much memory is free is not known";
  return readableSize(free) + " of " + readableSize(total) + " are free";
}

DeviceMemory::DeviceMemory(MemoryPool* pool, void* data, size_t bytes, size_t asked)
    : pool_(pool), data_(data), bytes_(bytes), asked_(asked) {
  deviceBytesInUse += asked_;
  bytesTakenHere += static_cast<int64_t>(asked_);
}

DeviceMemory::~DeviceMemory() {
  if (!data_) return;
  deviceBytesInUse -= asked_;
  bytesTakenHere -= static_cast<int64_t>(asked_);
  pool_->giveBack(data_, bytes_);
}

DeviceMemory MemoryPool::tryTake(size_t bytes) {
  const size_t needed = rounded(bytes);
  {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.lower_bound(needed);
    if (found != kept_.end() && found->first <= needed + needed / 2) {
      DeviceMemory memory(this, found->second, found->first, needed);
      kept_.erase(found);
      return memory;
    }
  }
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, needed);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return {};
  }
  check(status, {"cudaMalloc", __FILE__, __LINE__});
  return {this, data, needed, needed};
}

void MemoryPool::giveBack(void* data, size_t bytes) {
  const std::lock_guard lock(mutex_);
  kept_.emplace(bytes, data);
}

void MemoryPool::freeKept() {
  const std::lock_guard lock(mutex_);
  for (const auto& [bytes, data] : kept_) cudaFree(data);
  kept_.clear();
}

PinnedBytes::PinnedBytes(size_t bytes) {
  CUDART(cudaMallocHost, &data_, bytes);
}
PinnedBytes::~PinnedBytes() {
  cudaFreeHost(data_);
}

}  // namespace convsweep::cuda
