#include "addon/task_team.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace convsweep {
namespace {

using Clock = std::chrono::steady_clock;

/** How long a helper looks for work before it sleeps: longer than what a step does between two rounds, and
 * far shorter than what waking a thread could save in all. */
constexpr auto kPatience = std::chrono::microseconds(200);
/** Looks at the memory that is waited for between two looks at the clock. */
constexpr int kLooks = 64;

void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

TaskTeam::TaskTeam(size_t workers, std::function<void(size_t)> call)
    : workers_(workers), call_(std::move(call)), taken_(workers) {}

void TaskTeam::run(size_t tasks, const std::function<void(size_t task, size_t worker)>& work) {
  if (workers_ == 1 || tasks <= 1) {
    for (size_t task = 0; task < tasks; ++task) work(task, 0);
    return;
  }
  work_ = &work;
  ended_.store(0, std::memory_order_relaxed);
  // Whoever takes a task of this round sees what was written above.
  turn_.store({0, static_cast<uint32_t>(tasks)});
  const size_t wanted = std::min(workers_, tasks) - 1, helpers = helpers_.load();
  if (helpers < wanted) call_(wanted - helpers);
  while (workOnce(0)) {
  }
  for (int looks = 0; ended_.load(std::memory_order_acquire) != tasks; ++looks) {
    pause();
    // A helper may have lost its core to somebody else.
    if (looks >= kLooks) std::this_thread::yield();
  }
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

bool TaskTeam::inNeed() const {
  return !turn_.load().isOver() && helpers_.load() + 1 < workers_;
}

void TaskTeam::help(const std::atomic<bool>& leave) {
  size_t worker = 1;
  {
    const std::lock_guard lock(mutex_);
    while (worker < workers_ && taken_[worker]) ++worker;
    if (worker == workers_) return;
    taken_[worker] = true;
    ++helpers_;
  }
  for (auto since = Clock::now(); !leave.load(std::memory_order_relaxed);) {
    if (workOnce(worker)) {
      since = Clock::now();
      continue;
    }
    for (int looks = 0; looks < kLooks && turn_.load(std::memory_order_relaxed).isOver(); ++looks) pause();
    if (Clock::now() - since > kPatience) break;
  }
  const std::lock_guard lock(mutex_);
  taken_[worker] = false;
  --helpers_;
}

/**
 * Does one of the round's tasks, if there is one: the leader the first of those that are left, a helper the
 * last. Rounds follow each other whose tasks are the same parts of a batch; so most of what a thread reads is
 * what it wrote, and need not come from another core's cache.
 */
bool TaskTeam::workOnce(size_t worker) {
  const bool leads = worker == 0;
  Turn turn = turn_.load(), next;
  do {
    if (turn.isOver()) return false;
    next = leads ? Turn{turn.first + 1, turn.last} : Turn{turn.first, turn.last - 1};
    // The word may be that of a later round by now: then the task is one of that round.
  } while (!turn_.compare_exchange_weak(turn, next));
  try {
    (*work_)(leads ? turn.first : next.last, worker);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
  ended_.fetch_add(1, std::memory_order_release);
  return true;
}

}  // namespace convsweep
