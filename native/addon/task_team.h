#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "backend/thread_team.h"

namespace convsweep {

/**
 * The team of one task of the Executor: its leader, the thread that runs the task, and helpers that come when
 * there is something to do and go when there is not, or when they are needed elsewhere. The leader waits for
 * no helper but one that has already begun a piece of its work.
 */
class TaskTeam final : public ThreadTeam {
 public:
  /** `call(n)`: how the leader asks for up to n helpers; may do nothing. */
  TaskTeam(size_t workers, std::function<void(size_t)> call);

  size_t workers() const override { return workers_; }
  void run(size_t tasks, const std::function<void(size_t task, size_t worker)>& work) override;

  /** Whether a helper would find work now. Any thread. */
  bool inNeed() const;
  /**
   * Works for the team until there has been nothing to do for a while, or `leave` is set. Any thread but the
   * leader; returns at once where the team is full.
   */
  void help(const std::atomic<bool>& leave);

 private:
  /** The tasks [first, last) of the round are left. In one word, or clang 14 calls a library for atomics. */
  struct alignas(8) Turn {
    uint32_t first, last;
    bool isOver() const { return first == last; }
  };
  bool workOnce(size_t worker);

  const size_t workers_;
  const std::function<void(size_t)> call_;
  std::atomic<Turn> turn_{Turn{0, 0}};
  static_assert(std::atomic<Turn>::is_always_lock_free);
  // Of the round: valid while one of its tasks is handed out and has not ended.
  const std::function<void(size_t, size_t)>* work_ = nullptr;
  std::atomic<size_t> ended_{0};

  std::mutex mutex_;
  std::exception_ptr error_;
  /** By worker: whether a helper has that number. The leader's is 0. */
  std::vector<bool> taken_;
  std::atomic<size_t> helpers_{0};
};

}  // namespace convsweep
