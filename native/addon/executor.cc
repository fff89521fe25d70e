#include "addon/executor.h"

#include <algorithm>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "backend/backend.h"
#include "backend/error.h"

namespace convsweep {
namespace {

size_t allDevices() {
  size_t all = 0;
  for (const DeviceInfo& device : backend::devices()) all += static_cast<size_t>(device.concurrency);
  return all;
}

}  // namespace

std::shared_ptr<Executor> Executor::shared() {
  static std::mutex mutex;
  static std::weak_ptr<Executor> current;
  const std::lock_guard lock(mutex);
  std::shared_ptr<Executor> executor = current.lock();
  if (!executor) current = executor = std::make_shared<Executor>(allDevices());
  return executor;
}

Executor::Executor(size_t limit) : limit_(limit) {
  threads_.reserve(limit);
  // Adding to it on a thread must not fail.
  running_.reserve(limit);
}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
    for (const auto& control : running_) control->abort = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::submit(std::shared_ptr<Control> control, Task task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(control), std::move(task)});
  if (waiting_.size() > idle_ && threads_.size() < limit_) {
    try {
      threads_.emplace_back(&Executor::work, this);
    } catch (const std::exception& error) {
      // With any thread at all the task only waits its turn.
      if (threads_.empty()) {
        waiting_.pop_back();
        if (dynamic_cast<const std::bad_alloc*>(&error)) throw;
        throw Error("NATIVE", std::string("No thread can be started (") + error.what() +
                                  "); end other processes or raise the limit: ulimit -u");
      }
    }
  }
  wake_.notify_one();
}

size_t Executor::withdraw(const std::function<bool(const Control&)>& which) {
  const std::lock_guard lock(mutex_);
  return std::erase_if(waiting_, [&](const Entry& entry) { return which(*entry.control); });
}

void Executor::work() {
  backend::prepareThread();
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    Entry entry = std::move(waiting_.front());
    waiting_.pop_front();
    running_.push_back(entry.control);
    lock.unlock();
    entry.task();
    entry.task = nullptr;
    lock.lock();
    running_.erase(std::find(running_.begin(), running_.end(), entry.control));
  }
}

}  // namespace convsweep
