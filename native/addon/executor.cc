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
    stopping_ = needed_ = true;
    waiting_.clear();
    for (const Entry& entry : running_) entry.control->abort = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::submit(std::shared_ptr<Control> control, Task task) {
  const size_t workers = std::min(control->threads, limit_);
  auto team = std::make_shared<TaskTeam>(workers, [this](size_t helpers) { call(helpers); });
  const std::lock_guard lock(mutex_);
  waiting_.push_back({std::move(control), std::move(task), std::move(team)});
  if (waiting_.size() > idle_ && !full_) {
    try {
      start();
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
  needed_ = true;
  wake_.notify_one();
}

void Executor::start() {
  threads_.emplace_back(&Executor::work, this);
  full_ = threads_.size() == limit_;
}

size_t Executor::withdraw(const std::function<bool(const Control&)>& which) {
  const std::lock_guard lock(mutex_);
  const size_t withdrawn = std::erase_if(waiting_, [&](const Entry& entry) { return which(*entry.control); });
  needed_ = stopping_ || !waiting_.empty();
  return withdrawn;
}

void Executor::call(size_t helpers) {
  if (idle_ == 0 && !full_) {
    const std::lock_guard lock(mutex_);
    try {
      for (; helpers > 0 && !full_; --helpers) start();
    } catch (const std::exception&) {
      // The work is done without them; not to be tried again at every step.
      full_ = true;
    }
    return;
  }
  // Those that fall asleep at this moment may miss it, and come the next time.
  for (size_t i = std::min<size_t>(helpers, idle_); i > 0; --i) wake_.notify_one();
}

std::shared_ptr<TaskTeam> Executor::inNeed() const {
  const auto entry = std::find_if(running_.begin(), running_.end(),
                                  [](const Entry& running) { return running.team->inNeed(); });
  return entry == running_.end() ? nullptr : entry->team;
}

void Executor::work() {
  backend::prepareThread();
  std::unique_lock lock(mutex_);
  for (;;) {
    std::shared_ptr<TaskTeam> team;
    ++idle_;
    wake_.wait(lock, [&] { return stopping_ || !waiting_.empty() || (team = inNeed()); });
    --idle_;
    if (!waiting_.empty()) {
      runNext(lock);
    } else if (stopping_) {
      return;
    } else {
      lock.unlock();
      team->help(needed_);
      lock.lock();
    }
  }
}

void Executor::runNext(std::unique_lock<std::mutex>& lock) {
  Entry entry = std::move(waiting_.front());
  waiting_.pop_front();
  needed_ = stopping_ || !waiting_.empty();
  running_.push_back({entry.control, nullptr, entry.team});
  lock.unlock();
  entry.control->team = entry.team.get();
  entry.task();
  entry.task = nullptr;
  lock.lock();
  running_.erase(std::find_if(running_.begin(), running_.end(),
                              [&](const Entry& running) { return running.team == entry.team; }));
}

}  // namespace convsweep
