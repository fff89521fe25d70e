#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace convsweep::cuda {

/** Bytes of device memory that all networks and datasets of this process hold. */
inline std::atomic<size_t> deviceBytesInUse{0};

/** `1.5 GiB of 80.0 GiB are free` on the current device. */
std::string freeMemory();

/** Memory on the device that was current when it was made. Its contents are unspecified. */
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /** `purpose` is what an error calls it. Throws Error OUT_OF_MEMORY with what was needed and what is free.
   */
  DeviceMemory(size_t bytes, const char* purpose);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  template <typename T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

/** Page-locked host memory, which copies from the device reach without the host waiting. */
class PinnedBytes {
 public:
  explicit PinnedBytes(size_t bytes);
  ~PinnedBytes();
  PinnedBytes(const PinnedBytes&) = delete;
  PinnedBytes& operator=(const PinnedBytes&) = delete;

  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
};

/**
 * Hands out places in one block of memory, each on a boundary that suits every library. Without a block it
 * only counts, so that the same code first measures what is needed and then takes it.
 */
class Arena {
 public:
  static constexpr size_t kAlignment = 256;

  explicit Arena(void* base = nullptr) : base_(static_cast<uint8_t*>(base)) {}

  template <typename T>
  T* take(size_t count) {
    const size_t offset = used_;
    used_ += (count * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return base_ ? reinterpret_cast<T*>(base_ + offset) : nullptr;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* base_;
  size_t used_ = 0;
};

}  // namespace convsweep::cuda
