#pragma once

#include <cstddef>
#include <functional>

namespace convsweep {

/**
 * Threads that work together on one call of a session: the one that makes the call, and whichever others are
 * idle. How many take part, and who does which task, changes from one moment to the next; results must not
 * depend on it.
 */
class ThreadTeam {
 public:
  virtual ~ThreadTeam() = default;

  /** The most threads that take part at a time. At least 1. */
  virtual size_t workers() const = 0;

  /**
   * Calls `work(task, worker)` once for each task below `tasks`, in any order, and returns when all calls
   * have ended. No two calls at a time have the same worker, which is below `workers()`. What one of them
   * throws is thrown here. Only the thread that makes the session's call may call this, and `work` may not.
   */
  virtual void run(size_t tasks, const std::function<void(size_t task, size_t worker)>& work) = 0;
};

}  // namespace convsweep
