#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "addon/task_team.h"
#include "engine/network.h"

namespace convsweep {

/**
 * The process' training threads. Not libuv's pool: an epoch may take minutes, and would starve file and DNS
 * work there. Threads start on demand, up to `limit`; tasks beyond it queue. A thread without a task helps
 * with those of others, as long as none waits.
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
   * Runs `task`, which must not throw and heeds `control`; meanwhile `control->team` is there for it. Throws
   * Error NATIVE if no thread can be started for it, std::bad_alloc if there is too little memory; it is not
   * run then.
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
    std::shared_ptr<TaskTeam> team;
  };
  void work();
  void runNext(std::unique_lock<std::mutex>& lock);
  /** Wakes or starts up to so many threads, to help. */
  void call(size_t helpers);
  void start();
  /** A team that a thread could help; null if there is none. */
  std::shared_ptr<TaskTeam> inNeed() const;

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> waiting_;
  std::vector<Entry> running_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
  // What the threads of a team read without the lock; written under it.
  std::atomic<size_t> idle_{0};
  /** There are no more threads to start. */
  std::atomic<bool> full_{false};
  /** Something waits, or the end has come: helpers leave. */
  std::atomic<bool> needed_{false};
};

}  // namespace convsweep
