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
 * The process' training threads, shared by all environments that load the addon. Not libuv's pool: an epoch
 * may take minutes, and would starve file and DNS work there. Threads start on demand, up to `limit`; tasks
 * beyond it queue.
 */
class Executor {
 public:
  using Task = std::function<void()>;

  explicit Executor(size_t limit) : limit_(limit) {}
  /** Aborts the tasks in flight and waits for them: `process.exit` ends here, without tearing environments
   * down. */
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /** Runs `task`, which must not throw and heeds `control`. */
  void submit(std::shared_ptr<Control> control, Task task);

  /** The one executor, as wide as the backend's devices together. */
  static Executor& shared();

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
