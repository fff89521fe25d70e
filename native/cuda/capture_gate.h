#pragma once

#include <shared_mutex>

namespace convsweep::cuda {

/**
 * Keeps the captures of a device apart from what would break them. cudaFree, cublasDestroy, cudnnDestroy and
 * the loading of code wait for the whole device, and a capture that another thread waits for is invalid,
 * whatever its mode. So a capture goes alone, and everything of that kind goes beside its like. Both nest: a
 * thread that is inside goes in again at once.
 */
class CaptureGate {
 public:
  /** Held around what waits for the device: allocating, freeing, making and destroying, steps that run for
   * the first time. */
  class Unsafe {
   public:
    explicit Unsafe(CaptureGate& gate) : before_(inside_) {
      if (before_ != &gate) lock_ = std::shared_lock(gate.mutex_);
      inside_ = &gate;
    }
    ~Unsafe() { inside_ = before_; }
    Unsafe(const Unsafe&) = delete;
    Unsafe& operator=(const Unsafe&) = delete;

   private:
    const CaptureGate* const before_;
    std::shared_lock<std::shared_mutex> lock_;
  };

  /** Held from a capture's beginning to its end, outside any Unsafe. */
  class Capture {
   public:
    explicit Capture(CaptureGate& gate) : lock_(gate.mutex_) { inside_ = &gate; }
    ~Capture() { inside_ = nullptr; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

   private:
    std::unique_lock<std::shared_mutex> lock_;
  };

 private:
  std::shared_mutex mutex_;
  /** The gate that this thread is inside of. */
  static inline thread_local const CaptureGate* inside_ = nullptr;
};

}  // namespace convsweep::cuda
