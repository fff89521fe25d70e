#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace convsweep::cuda {

/** Bytes of device memory that all networks and datasets of this process hold. */
inline std::atomic<size_t> deviceBytesInUse{0};

/** `1.5 GiB` or `320.0 MiB` */
std::string readableSize(size_t bytes);
/** `1.5 GiB of 80.0 GiB are free` on the current device. */
std::string freeMemory();

class MemoryPool;

/** A block of a pool's memory, which goes back to it with this object. Its contents are unspecified. */
class DeviceMemory {
 public:
  DeviceMemory() = default;
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(asked_, other.asked_);
    return *this;
  }

  template <typename T = void>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  friend class MemoryPool;
  DeviceMemory(MemoryPool* pool, void* data, size_t bytes, size_t asked);

  MemoryPool* pool_ = nullptr;
  void* data_ = nullptr;
  size_t bytes_ = 0;
  /** What counts as in use: the block may be a larger one that was kept. */
  size_t asked_ = 0;
};

/**
 * A device's memory. Blocks that come back are kept for the next network: freeing one would wait for
 * everything that the device still has to do, also for other networks. So a block must come back only when
 * its own work is done.
 */
class MemoryPool {
 public:
  MemoryPool() = default;
  ~MemoryPool() { freeKept(); }
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /** An empty one if the device has too little memory. It must be the current one. */
  DeviceMemory tryTake(size_t bytes);
  void freeKept();

 private:
  friend class DeviceMemory;
  void giveBack(void* data, size_t bytes);

  std::mutex mutex_;
  /** Blocks that nobody uses, by their size. */
  std::multimap<size_t, void*> kept_;
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

/** The next multiple of `unit`. */
constexpr size_t roundedUp(size_t size, size_t unit) {
  return (size + unit - 1) / unit * unit;
}

/** What every array in device memory begins at a multiple of, which suits every library: in bytes, in floats.
 */
constexpr size_t kAlignment = 256, kAlignedFloats = kAlignment / sizeof(float);

/**
 * Hands out places in one block of memory, each on kAlignment. Without a block it
 * only counts, so that the same code first measures what is needed and then takes it.
 */
class Arena {
 public:
  explicit Arena(void* base = nullptr) : base_(static_cast<uint8_t*>(base)) {}

  template <typename T>
  T* take(size_t count) {
    const size_t offset = used_;
    used_ += roundedUp(count * sizeof(T), kAlignment);
    return base_ ? reinterpret_cast<T*>(base_ + offset) : nullptr;
  }
  size_t used() const { return used_; }

 private:
  uint8_t* base_;
  size_t used_ = 0;
};

}  // namespace convsweep::cuda
