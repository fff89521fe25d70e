#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/network.h"

namespace convsweep {

/**
 * The process' training threads. Not libuv's pool: an epoch may take minutes, and would starve file and DNS
 * work there. Threads start on demand, up to `limit`; tasks beyond it queue.
 */
class Executor {
 public:
  using Task = std::function<void()>;

  explicit Executor(size_t limit);
  /** Drops what waits, aborts what runs and waits for it. */
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /**
   * Runs `task`, which must not throw and heeds `control`. Throws Error NATIVE if no thread can be started
   * for it, std::bad_alloc if there is too little memory; it is not run then.
   */
  void submit(std::shared_ptr<Control> control, Task task);
  /**
   * Drops the tasks that have not begun and that `which`, which must not throw, chooses: none of them begins
   * meanwhile. Returns their number.
   */
  size_t withdraw(const std::function<bool(const Control&)>& which);

  /** The one executor, as wide as the backend's devices together. It lives as long as somebody holds it. */
  static std::shared_ptr<Executor> shared();

 private:
  struct Entry {
    std::shared_ptr<Control> control;
    Task task;
  };
  void work();

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  std::vector<std::shared_ptr<Control>> running_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace convsweep
