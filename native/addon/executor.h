#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

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
  /** Waits for the tasks in flight. */
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /** `task` must not throw. */
  void submit(Task task);

  /** The one executor, as wide as the backend's devices allow. */
  static Executor& shared();

 private:
  void work();

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace convsweep
