#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include "backend/taken.h"

namespace convsweep {

/** Bytes that all buffers of this process hold; the source of the addon's `memoryInUse`. */
inline std::atomic<size_t> hostBytesInUse{0};

/** Arrays of at least this size ask for pages of it, which need fewer address translations. */
inline constexpr size_t kLargePage = size_t{1} << 21;

/** Advice that the system may ignore. */
inline void preferLargePages([[maybe_unused]] void* memory, [[maybe_unused]] size_t bytes) {
#if defined(__linux__)
  madvise(memory, bytes, MADV_HUGEPAGE);
#endif
}

/** The machine's memory in bytes, or, where that is not known, more than there can be. */
inline size_t machineMemory() {
#if defined(_SC_PHYS_PAGES)
  static const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) return static_cast<size_t>(pages) * static_cast<size_t>(page);
#endif
  return SIZE_MAX;
}

/**
 * An array of trivial elements, at least on a cache-line boundary. Growing discards the contents. Fresh
 * memory is not touched here: on a NUMA machine its pages belong to the thread that first writes them.
 */
template <typename T>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  explicit Buffer(size_t size) { ensure(size); }

  /**
   * Makes room for `size` elements; their values are unspecified if the buffer had to grow. Throws
   * std::bad_alloc, also for more than the machine has: the system would promise that too, and end the
   * process when it is used.
   */
  void ensure(size_t size) {
    if (size <= capacity_) return;
    release();
    if (size > machineMemory() / sizeof(T) || hostBytesInUse + size * sizeof(T) > machineMemory()) {
      throw std::bad_alloc();
    }
    const size_t alignment = size * sizeof(T) < kLargePage ? kAlignment : kLargePage;
    const size_t bytes = (size * sizeof(T) + alignment - 1) / alignment * alignment;
    // Not aligned_alloc, which Windows lacks.
    data_ = {static_cast<T*>(::operator new (bytes, std::align_val_t{alignment})), Free{alignment}};
    if (alignment == kLargePage) preferLargePages(data_.get(), bytes);
    capacity_ = bytes / sizeof(T);
    hostBytesInUse += capacity_ * sizeof(T);
    bytesTakenHere += static_cast<int64_t>(capacity_ * sizeof(T));
  }

  void zero(size_t size) { std::memset(data_.get(), 0, size * sizeof(T)); }

  void release() {
    hostBytesInUse -= capacity_ * sizeof(T);
    bytesTakenHere -= static_cast<int64_t>(capacity_ * sizeof(T));
    data_.reset();
    capacity_ = 0;
  }

  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), capacity_(other.capacity_) {
    other.capacity_ = 0;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer& operator=(Buffer&&) = delete;

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  size_t capacity() const { return capacity_; }

 private:
  struct Free {
    size_t alignment = kAlignment;
    void operator()(T* pointer) const { ::operator delete (pointer, std::align_val_t{alignment}); }
  };
  std::unique_ptr<T[], Free> data_;
  size_t capacity_ = 0;
};

}  // namespace convsweep
