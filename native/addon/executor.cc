#include "addon/executor.h"

#include <algorithm>
#include <utility>

#include "ops/session.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace convsweep {
namespace {

/**
 * Numbers below 1.2e-38 count as zero, as in TensorFlow: Adam's moments of weights that no longer get a
 * gradient decay into that range, where the processor is a hundred times slower.
 */
void flushDenormals() {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040);
#elif defined(__aarch64__)
  uint64_t fpcr;
  asm volatile("mrs %0, fpcr" : "=r"(fpcr));
  asm volatile("msr fpcr, %0" ::"r"(fpcr | (1u << 24)));
#endif
}

size_t widestDevice() {
  int widest = 1;
  for (const DeviceInfo& device : backend::devices()) widest = std::max(widest, device.concurrency);
  return static_cast<size_t>(widest);
}

}  // namespace

Executor& Executor::shared() {
  static Executor executor(widestDevice());
  return executor;
}

Executor::~Executor() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::submit(Task task) {
  std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (tasks_.size() > idle_ && threads_.size() < limit_) threads_.emplace_back(&Executor::work, this);
  wake_.notify_one();
}

void Executor::work() {
  flushDenormals();
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    --idle_;
    if (tasks_.empty()) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace convsweep
